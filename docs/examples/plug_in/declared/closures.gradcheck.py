from gradcheck.adapters import Declaration

declaration = Declaration(
    network="3-4-2 tanh,identity half_squared_error", samples="columns",
    build=lambda code, network: code.make(*network.widths),
    weights=["[0]['A']", "[0]['B']"], bias="first",
    train=lambda net, x, y, rate: net[2](x, y, rate),
    loss=lambda net, x, y: net[2](x, y, 0.0), forward=lambda net, x: net[1](x),
)
