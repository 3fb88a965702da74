from gradcheck.adapters import Declaration

declaration = Declaration(
    network="3-4-2 tanh,identity mean_squared_error",
    build=lambda code, network: code.Model(network.widths),
    weights="stack[{i}].w", biases="stack[{i}].b",
    gradients=lambda net, x, y: net.accumulate(x, y),
    weight_gradients="stack[{i}].grad_w", bias_gradients="stack[{i}].grad_b",
    train=lambda net, x, y, rate: [net.accumulate(x, y), net.apply(rate)],
    forward=lambda net, x: net.predict(x),
)
