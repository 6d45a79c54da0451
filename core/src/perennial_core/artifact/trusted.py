"""The types that skops does not trust by itself and that scikit-learn's own estimators need.

All are classes and functions of scikit-learn, scipy and numpy that only hold or compute numbers.
tests/unit/trainer/test_trainer_all_estimators.py shows that the list suffices.
"""

from __future__ import annotations

from itertools import product


def _members(module: str, names: str) -> set[str]:
    return {f"{module}.{name}" for name in names.split()}


_METRICS = (
    "BrayCurtis Canberra Chebyshev Dice Euclidean Hamming Haversine Jaccard Mahalanobis Manhattan"
    " Minkowski RogersTanimoto RussellRao SEuclidean SokalMichener SokalSneath"
)

TRUSTED_TYPES: frozenset[str] = frozenset(
    _members("numpy", "dtype mean")
    | _members("scipy._lib.array_api_compat.numpy._aliases", "asarray")
    | _members("scipy.interpolate._bsplines", "BSpline")
    | _members(
        "sklearn._loss.link",
        "HalfLogitLink IdentityLink Interval LogLink LogitLink MultinomialLogit",
    )
    | _members(
        "sklearn._loss.loss",
        "AbsoluteError ExponentialLoss HalfBinomialLoss HalfGammaLoss HalfMultinomialLoss"
        " HalfPoissonLoss HalfSquaredError HalfTweedieLoss HalfTweedieLossIdentity HuberLoss"
        " PinballLoss",
    )
    | _members(
        "sklearn.calibration", "_CalibratedClassifier _SigmoidCalibration _TemperatureScaling"
    )
    | _members("sklearn.cluster._bisect_k_means", "_BisectingTree")
    | _members("sklearn.cluster._kmeans", "_kmeans_single_elkan _kmeans_single_lloyd")
    | _members("sklearn.ensemble._hist_gradient_boosting.predictor", "TreePredictor")
    | _members(
        "sklearn.feature_selection._univariate_selection", "chi2 f_classif f_oneway f_regression"
    )
    | _members(
        "sklearn.feature_selection._mutual_info", "mutual_info_classif mutual_info_regression"
    )
    | _members("sklearn.gaussian_process._gpc", "_BinaryGaussianProcessClassifierLaplace")
    | _members(
        "sklearn.gaussian_process.kernels",
        "CompoundKernel ConstantKernel DotProduct Exponentiation ExpSineSquared Matern"
        " PairwiseKernel Product RBF RationalQuadratic Sum WhiteKernel",
    )
    | _members("sklearn.metrics._classification", "balanced_accuracy_score")
    | {
        f"sklearn.metrics._dist_metrics.{name}Distance{bits}"
        for name, bits in product(_METRICS.split(), (32, 64))
    }
    | _members("sklearn.metrics._scorer", "_CurveScorer _Scorer")
    | _members("sklearn.multiclass", "_ConstantPredictor")
    | _members("sklearn.neighbors._ball_tree", "BallTree BallTree32 BallTree64")
    | _members("sklearn.neighbors._kd_tree", "KDTree KDTree32 KDTree64")
    | _members("sklearn.neural_network._stochastic_optimizers", "AdamOptimizer SGDOptimizer")
    | _members("sklearn.tree._tree", "Tree")
    | _members("sklearn.utils._bunch", "Bunch")
    | _members("sklearn.utils._metadata_requests", "MetadataRequest MethodMetadataRequest")
)
