from gradcheck.adapters import Declaration

declaration = Declaration(
    network=["3-4-2 relu,identity half_squared_error",
             "2-3-4-1 relu,relu,identity half_squared_error"], layout="out x in", samples="columns",
    build=lambda code, network: code.Deep(network.widths), weights="W[{l}]", biases="b[{l}]",
    gradients=lambda net, x, y: net.backward(x, y),
    weight_gradients="dW[{l}]", bias_gradients="db[{l}]",
    loss=lambda net, x, y: net.cost(x, y), forward=lambda net, x: net.forward(x),
)
