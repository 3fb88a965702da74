from gradcheck.adapters import Declaration

declaration = Declaration(
    network="2-3-2 tanh,tanh squared_error", samples="one list",
    build=lambda code, network: code.Mlp(network.widths),
    weights="w[{i}][{k}][{j}].data", biases="b[{i}][{k}].data",
    gradients=lambda net, x, y: net.loss(x, y).backward(),
    weight_gradients="w[{i}][{k}][{j}].grad", bias_gradients="b[{i}][{k}].grad",
    loss=lambda net, x, y: net.loss(x, y).data,
)
