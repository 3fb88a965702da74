from gradcheck.adapters import Declaration


def gradients(code, params, x, y):
    (W1, b1), (W2, b2) = params
    db2, dW2, db1, dW1, loss = code.slopes(x, y.argmax(axis=1), W1, b1, W2, b2)
    return loss, [(dW1, db1), (dW2, db2)]


network = "3-4-3 leaky_relu,softmax cross_entropy sum"
declaration = Declaration(network=network, gradients=gradients)
