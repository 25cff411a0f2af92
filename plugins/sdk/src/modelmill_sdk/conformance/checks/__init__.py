"""The promises, in the order in which they are looked at: what others need comes first."""

from modelmill_sdk.conformance.checks.conduct import (
    CleanEnd,
    NoNetwork,
    NoPickle,
    OutputBounded,
    ThreadsRespected,
    WritesInside,
)
from modelmill_sdk.conformance.checks.describing import (
    Describes,
    DescribesFast,
    DescribesLight,
    FieldsDescribed,
    MetadataPresent,
    SchemasValid,
)
from modelmill_sdk.conformance.checks.finishing import FinishGivesAModel
from modelmill_sdk.conformance.checks.predicting import (
    BatchEqualsSingle,
    LoadsElsewhere,
    MetersDeclared,
    OneResultEach,
    Predicts,
    SeedSameResults,
)
from modelmill_sdk.conformance.checks.resuming import (
    CancelsWithinAStep,
    PauseGivesACheckpoint,
    ResumeSameModel,
    SeedSameModel,
)
from modelmill_sdk.conformance.checks.training import (
    BadRowsAreProblems,
    EvaluationFinite,
    ProgressGrows,
    SamplesReadable,
    Trains,
)
from modelmill_sdk.conformance.checks.translating import Translated
from modelmill_sdk.conformance.promise import Promise

PROMISES: tuple[type[Promise], ...] = (
    FieldsDescribed,
    Describes,
    DescribesFast,
    DescribesLight,
    SchemasValid,
    MetadataPresent,
    Translated,
    Trains,
    ProgressGrows,
    EvaluationFinite,
    SamplesReadable,
    CancelsWithinAStep,
    PauseGivesACheckpoint,
    SeedSameModel,
    ResumeSameModel,
    BadRowsAreProblems,
    LoadsElsewhere,
    Predicts,
    OneResultEach,
    MetersDeclared,
    SeedSameResults,
    BatchEqualsSingle,
    FinishGivesAModel,
    NoPickle,
    NoNetwork,
    WritesInside,
    OutputBounded,
    ThreadsRespected,
    CleanEnd,
)
