import math

x = [0.05, 0.10]
target = [0.01, 0.99]
w = [0.15, 0.20, 0.25, 0.30, 0.40, 0.45, 0.50, 0.55]
b = [0.35, 0.35, 0.60, 0.60]
rate = 0.5


def sigmoid(z):
    return 1 / (1 + math.exp(-z))


for step in range(10000):
    net_h1 = w[0] * x[0] + w[1] * x[1] + b[0]
    net_h2 = w[2] * x[0] + w[3] * x[1] + b[1]
    out_h1 = sigmoid(net_h1)
    out_h2 = sigmoid(net_h2)

    net_o1 = w[4] * out_h1 + w[5] * out_h2 + b[2]
    net_o2 = w[6] * out_h2 + w[7] * out_h2 + b[3]
    out_o1 = sigmoid(net_o1)
    out_o2 = sigmoid(net_o2)

    error = 0.5 * (target[0] - out_o1) ** 2 + 0.5 * (target[1] - out_o2) ** 2

    delta_o1 = (out_o1 - target[0]) * out_o1 * (1 - out_o1)
    delta_o2 = (out_o2 - target[1]) * out_o2 * (1 - out_o2)
    delta_h1 = (delta_o1 * w[4] + delta_o2 * w[4]) * out_h1 * (1 - out_h1)
    delta_h2 = (delta_o1 * w[5] + delta_o2 * w[7]) * out_h2 * (1 - out_h2)

    new = [
        w[0] - rate * delta_h1 * x[0],
        w[1] - rate * delta_h1 * x[1],
        w[2] - rate * delta_h2 * x[0],
        w[3] - rate * delta_h2 * x[1],
        w[4] - rate * delta_o1 * out_h1,
        w[5] - rate * delta_o1 * out_h2,
        w[6] - rate * delta_o2 * out_h1,
        w[7] - rate * delta_o2 * out_h2,
    ]
    b = [
        b[0] - rate * delta_h1,
        b[1] - rate * delta_h2,
        b[2] - rate * delta_o1,
        b[3] - rate * delta_o2,
    ]
    w = new

print("outputs:", out_o1, out_o2)
