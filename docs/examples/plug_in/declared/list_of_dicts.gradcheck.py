from types import SimpleNamespace as Box

from gradcheck.adapters import Declaration

declaration = Declaration(
    network="2-3-2 sigmoid,sigmoid half_squared_error", samples="one list",
    build=lambda code, network: Box(net=code.initialize_network(*network.widths), code=code),
    weights="net[{i}][{k}]['weights'][{j}]", bias="last",
    train=lambda box, x, y, rate: box.code.train_row(box.net, x, y, rate),
    forward=lambda box, x: box.code.forward_propagate(box.net, x),
)
