import numpy as np

# XOR
X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
y = np.array([[0], [1], [1], [0]])

np.random.seed(42)
lr = 0.5
epochs = 10000


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def sigmoid_derivative(x):
    return x * (1 - x)


W1 = np.random.uniform(-1, 1, (2, 3))
b1 = np.zeros((1, 3))
W2 = np.random.uniform(-1, 1, (3, 1))
b2 = np.zeros((1, 1))

for epoch in range(epochs):
    # forward pass
    z1 = np.dot(X, W1) + b1
    a1 = sigmoid(z1)
    z2 = np.dot(a1, W2) + b2
    a2 = sigmoid(z2)

    # backward pass
    error = a2 - y
    loss = np.mean(np.square(error))
    d2 = 2 * error / len(X) * sigmoid_derivative(a2)
    d1 = d2.dot(W2.T) * sigmoid_derivative(a1)

    # update
    W2 -= lr * a1.T.dot(d2)
    b2 -= lr * np.sum(d2, axis=0, keepdims=True)
    W1 -= lr * X.T.dot(d1)
    b1 -= lr * np.sum(d1, axis=0, keepdims=True)

    if epoch % 1000 == 0:
        print(f"epoch {epoch}: loss {loss:.4f}")

print(a2)
