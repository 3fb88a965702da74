from gradcheck.adapters import Declaration

declaration = Declaration(
    network="3-4-2 sigmoid,sigmoid half_squared_error", samples="one vector",
    build=lambda code, network: code.Perceptrons(*network.widths),
    weights=["v", "w"], biases=["gamma", "theta"], threshold=True,
    train=lambda net, x, y, rate: net.learn(x, y, rate), forward=lambda net, x: net.output(x),
)
