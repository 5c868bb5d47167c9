"""``LMAC_SIMD`` names the instructions to compute with; what names none of this processor's is an error of the family."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

# A predictor written in Python: no executor looks at the variable before the coder does.
CODE = """
import lmac, order_zero
codec = lmac.Codec(order_zero.OrderZero(), threads=1)
for call in (lambda: codec.compress(bytes(5000)), lambda: codec.compress_many([b"a record"]), lambda: lmac.Codec()):
    try:
        call()
    except lmac.PredictorError as error:
        print(error)
"""


@pytest.mark.parametrize("name", ["neon", "avx512", "mmx", ""])
def test_instructions_that_are_not_there_are_an_error_and_no_panic(name: str) -> None:
    import lmac._core

    if name in lmac._core.instruction_sets():
        pytest.skip("this processor has them")
    environment = {**os.environ, "LMAC_SIMD": name, "PYTHONPATH": os.path.dirname(__file__)}
    result = subprocess.run([sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, check=False)
    assert result.stderr == ""
    assert result.stdout.count(f'LMAC_SIMD is "{name}"; set it to scalar') == 3
