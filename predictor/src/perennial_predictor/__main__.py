"""``perennial-predictor``, which is ``python -m perennial_predictor`` too."""

import gc

gc.disable()  # while modules are imported there is nothing to free
from perennial_predictor.main import main  # noqa: E402

gc.enable()

if __name__ == "__main__":
    main()
