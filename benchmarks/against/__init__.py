"""Other gradient checkers on the same work; see ``benchmarks/peers.py``.

``*_peer.py`` and ``ours.py`` are one checker each: ``NAMES``, and
``checker(name, problem, claim)``, which returns a function without arguments that runs the
check and says whether it accepts the claimed gradient.
"""

import os

# one thread each: set before numpy, torch or jax is loaded
for _variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_variable] = "1"
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
