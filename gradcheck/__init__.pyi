"""The public names of gradcheck: each is imported from its module when it is used."""

from gradcheck.comparison.verdict import Finding as Finding
from gradcheck.comparison.verdict import Verdict as Verdict
from gradcheck.contract import __version__ as __version__
from gradcheck.contract.protocol import Implementation as Implementation
from gradcheck.errors import GradcheckError as GradcheckError
from gradcheck.errors import InternalError as InternalError
from gradcheck.errors import LoadError as LoadError
from gradcheck.errors import UsageError as UsageError
from gradcheck.errors import WrongGradientError as WrongGradientError
from gradcheck.functions.check_function import check_function as check_function
from gradcheck.functions.tensors import FunctionCheck as FunctionCheck
from gradcheck.networks.fast_estimate import Truth as Truth
from gradcheck.networks.problem import Batch as Batch
from gradcheck.networks.problem import Network as Network
from gradcheck.networks.problem import Params as Params
from gradcheck.networks.problem import Problem as Problem
from gradcheck.networks.sampling import problem as problem
from gradcheck.oracle.estimate import Estimate as Estimate
from gradcheck.records.record import Record as Record
from gradcheck.run.api import check as check
from gradcheck.testing import parametrize_with_checks as parametrize_with_checks
