from gradcheck.adapters import Declaration

declaration = Declaration(
    network="3-4-2 tanh,identity half_squared_error sum",
    build=lambda code, network: code.Corrected([None, None]),
    weights="weights[{i}]", bias="missing", sign=-1,
    gradients=lambda net, x, y: net.corrections(x, y), forward=lambda net, x: net.outputs(x),
)
