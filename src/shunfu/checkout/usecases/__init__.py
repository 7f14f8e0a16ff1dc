"""The checkout's stories: the one answer, paying from it, and the walk that tells a wallet's browser who pays."""

from shunfu.checkout.usecases.paying import Wish, pay_from_checkout
from shunfu.checkout.usecases.tools import CheckoutTools, Visit
from shunfu.checkout.usecases.viewing import view_checkout
from shunfu.checkout.usecases.walking import begin_walk, end_walk

__all__ = ["CheckoutTools", "Visit", "Wish", "begin_walk", "end_walk", "pay_from_checkout", "view_checkout"]
