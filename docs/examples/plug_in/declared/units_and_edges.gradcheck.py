from gradcheck.adapters import Declaration

declaration = Declaration(
    network="3-4-2 tanh,tanh half_squared_error", samples="one list",
    build=lambda code, network: code.Net(*network.widths),
    weights="layers[{i}][{k}].edges[{j}].weight", biases="layers[{i}][{k}].bias",
    gradients=lambda net, x, y: net.backward(x, y),
    weight_gradients="layers[{i}][{k}].edges[{j}].gradient",
    bias_gradients="layers[{i}][{k}].delta", forward=lambda net, x: net.forward(x),
)
