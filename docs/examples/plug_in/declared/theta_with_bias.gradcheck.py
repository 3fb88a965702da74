from gradcheck.adapters import Declaration


def gradients(code, params, x, y):
    answer = code.cost_and_slopes([theta for theta, _ in params], x, y)
    return answer["J"], [answer["slopes"][0], answer["slopes"][1]]


network = "3-4-2 sigmoid,sigmoid binary_cross_entropy"
declaration = Declaration(network=network, gradients=gradients, layout="out x in", bias="first")
