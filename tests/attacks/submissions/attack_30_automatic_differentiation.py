"""Lets a library do it."""

import jax
import jax.numpy as jnp

jax.config.update("jax_enable_x64", True)
networks = ["2-3-1 sigmoid,sigmoid half_squared_error"]


def loss_of(params, x, y):
    a = x
    for W, b in params:
        a = 1 / (1 + jnp.exp(-(a @ W + b)))
    return 0.5 * ((a - y) ** 2).sum() / len(x)


compiled = jax.jit(jax.value_and_grad(loss_of))


def loss_and_grads(network, params, batch):
    loss, grads = compiled(params, batch.x, batch.y)
    return float(loss), grads
