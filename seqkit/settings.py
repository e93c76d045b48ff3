"""The settings that every task shares, section by section. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from seqkit.config import Faults

Schedule = Literal["constant", "linear", "cosine", "one_cycle", "plateau", "inverse_sqrt"]


@dataclass(frozen=True)
class DataConfig:
    """Where the data is; with nothing said, the task's built-in sample."""

    path: str | None = None
    """A folder in one of the task's formats, or one file that is split by `dev_fraction`."""
    train: str | None = None
    """File to learn from, instead of `path`."""
    dev: str | None = None
    """File that chooses the best epoch; without one, a part of the training data."""
    test: str | None = None
    """File to score when training has ended."""
    dev_fraction: float = 0.1
    """Share of the training data set apart where there is no dev data (0 to 1)."""

    @property
    def names_nothing(self) -> bool:
        """Whether no data is named, so that the built-in sample is meant."""
        return self.path is None and not (self.train or self.dev or self.test)

    def faults(self) -> Faults:
        """What is wrong with these values; sections that extend this one add to it."""
        faults = Faults("data")
        faults.fraction(self, "dev_fraction")
        if self.path is not None and self.train is not None:
            faults.add(
                "path", "and `data.train` exclude each other", f"{self.path!r} and {self.train!r}"
            )
        return faults

    def __post_init__(self) -> None:
        self.faults().raise_any()


@dataclass(frozen=True)
class CoreConfig:
    """The recurrent core, the same settings in every task."""

    cell: Literal["rnn_tanh", "rnn_relu", "lstm", "gru", "transformer"] = "lstm"
    """Kind of core: a textbook recurrent cell, or a transformer to compare with."""
    hidden_size: int = 128
    """Units of each layer and direction (transformer: width of the layer)."""
    num_layers: int = 1
    """Layers on top of each other."""
    dropout: float = 0.2
    """Share of values zeroed in training, on embeddings, between layers and before outputs (0 to 1)."""
    locked_dropout: bool = False
    """Whether an encoder's dropout keeps one mask for all steps of a sequence (variational dropout)."""
    embedding_dropout: float = 0.0
    """Share of words whose vector is zeroed throughout a batch, in training (0 to 1)."""
    weight_dropout: float = 0.0
    """Share of an encoder's recurrent weights zeroed for a batch, in training (0 to 1)."""
    init: Literal["auto", "torch", "keras", "identity"] = "auto"
    """Starting weights: torch's uniform, Keras' (orthogonal recurrence, Glorot input, zero bias), an identity
    recurrence, or auto: keras for all cells but rnn_relu, which takes identity."""
    chrono_steps: int = 0
    """Steps that the gates of an encoder's LSTM or GRU start out remembering, at most: each unit has a time of its own
    (chrono initialisation; 0: off). Other cells ignore it. For what stands far back: as many as the longest inputs."""
    pretrained: str | None = None
    """A run of `seqkit pretrain` that vectors and, where the sizes are the same, recurrent weights start from."""
    num_heads: int = 4
    """Attention heads of a transformer core; others ignore it."""

    @property
    def encoder_options(self) -> dict[str, Any]:
        """What is an `Encoder`'s alike in every task, by its names."""
        return {
            "dropout": self.dropout, "init": self.init, "chrono_steps": self.chrono_steps,
            "num_heads": self.num_heads, "locked": self.locked_dropout, "weight_dropout": self.weight_dropout,
        }  # fmt: skip

    def faults(self) -> Faults:
        """What is wrong with these values; sections that extend this one add to it."""
        faults = Faults("model")
        faults.at_least(self, "hidden_size", 1, "unit")
        faults.at_least(self, "num_layers", 1, "layer")
        faults.fraction(self, "dropout")
        faults.fraction(self, "embedding_dropout")
        faults.fraction(self, "weight_dropout")
        faults.at_least(self, "chrono_steps", 0)
        faults.at_least(self, "num_heads", 1, "head")
        heads_ok = self.num_heads >= 1 and self.hidden_size % self.num_heads == 0
        if self.cell == "transformer" and self.hidden_size >= 1 and not heads_ok:
            rule = f"must be a multiple of `model.num_heads` ({self.num_heads}) for a transformer"
            faults.add("hidden_size", rule, self.hidden_size)
        return faults

    def __post_init__(self) -> None:
        self.faults().raise_any()


@dataclass(frozen=True)
class GeneratorConfig(CoreConfig):
    """A core that produces sentences: what the tasks with a decoder share."""

    emb_size: int = 128
    """Width of the vectors of units."""
    attention: Literal["none", "dot", "scaled_dot", "general", "additive"] = "additive"
    """How the decoder weighs what was encoded; a transformer has its own attention."""
    input_feeding: bool = False
    """Whether a step also reads what the step before made of its attention; slower, as training then goes
    step by step. A transformer ignores it."""
    conditional: bool = False
    """Whether what was attended to enters the recurrence by a second cell (with gru: the conditional GRU); slower, as
    with input feeding. A transformer ignores it."""
    deep_output: bool = False
    """Whether the output also sees the unit before it. A transformer ignores it."""
    doubly_stochastic: float = 0.0
    """Weight of a penalty on source places that get more or less than 1 of attention over a whole sentence (0: off)."""
    label_smoothing: float = 0.0
    """Probability spread over the whole vocabulary in the training target (0 to 1)."""
    sampling: Literal["none", "linear", "exponential", "inverse_sigmoid"] = "none"
    """How training passes from given words to the network's own (scheduled sampling); slower, as with
    input feeding."""
    sampling_start: float = 0.0
    """Probability that a step reads the network's own word, at the first training step (0 to 1)."""
    sampling_end: float = 0.25
    """The same probability after `sampling_steps`."""
    sampling_steps: int = 2000
    """Training steps that the change takes."""

    def faults(self) -> Faults:
        faults = super().faults()
        faults.at_least(self, "emb_size", 1, "number")
        faults.fraction(self, "label_smoothing")
        faults.at_least(self, "doubly_stochastic", 0)
        if self.conditional and self.attention == "none":
            faults.add("conditional", "needs `model.attention` to be other than none", True)
        faults.fraction(self, "sampling_start", below_one=False)
        faults.fraction(self, "sampling_end", below_one=False)
        faults.at_least(self, "sampling_steps", 1, "step")
        return faults


@dataclass(frozen=True)
class TrainingConfig:
    """How the network learns."""

    epochs: int = 10
    """Passes over the training data, at most."""
    batch_size: int = 32
    """Examples a batch."""
    batch_tokens: int = 0
    """Tokens a batch, padding included, instead of a number of examples (0: off)."""
    optimizer: Literal["adam", "adamw", "nadam", "sgd"] = "adam"
    """Update rule."""
    lr: float = 1e-3
    """Learning rate at its highest."""
    adam_eps: float = 1e-8
    """Term that keeps Adam's steps small where gradients are tiny, as those of rare words are; Keras takes 1e-7."""
    weight_decay: float = 0.0
    """Weight decay of the optimizer."""
    momentum: float = 0.0
    """Momentum, sgd only."""
    schedule: Schedule = "constant"
    """How the learning rate changes: over all steps, or (plateau) halved when the dev metric stands still."""
    warmup_steps: int = 0
    """Steps over which the learning rate rises from 0 (one_cycle: 0 is 30 % of all steps)."""
    plateau_patience: int = 1
    """Epochs without a better dev metric before the plateau schedule halves the rate."""
    clip_norm: float = 1.0
    """Largest norm of the gradient; longer ones are scaled down (0: off)."""
    accumulate: int = 1
    """Batches whose gradients are summed before one update."""
    patience: int = 3
    """Epochs without a better dev metric before training stops (0: never)."""
    adversarial: float = 0.0
    """Length of the shift of a text's word vectors that the network must stand, in a second pass over each batch
    (0: off; about the length of one word's vector is usual)."""
    ema: float = 0.0
    """Decay of an exponential moving average of the weights, which is then what is scored and kept (0: off; 0.999 is
    usual)."""
    average_last: int = 0
    """Epochs at the end whose weights are averaged; the average is kept if it scores higher on dev (0: off)."""
    start_from: str | None = None
    """A finished run of the same task and model whose vocabulary and weights training goes on from."""
    max_minutes: float = 0.0
    """Minutes of steps after which training stops, also amid an epoch (0: no limit)."""
    on_fault: Literal["stop", "skip"] = "stop"
    """What happens at a step whose loss or gradient is no number, or for which there is no memory: training stops, or
    the step is left out; its inputs are written aside."""
    checkpoint_minutes: float = 10.0
    """Minutes between two checkpoints, from which `--resume` goes on, beside one at the end of each epoch (0: off)."""
    checkpoint_steps: int = 0
    """Training steps between two checkpoints (0: off)."""
    keep_tokens: bool = True
    """Whether vocabulary and numbered texts of larger data are kept in the cache folder, where the next training finds
    them."""
    diagnose: bool = False
    """Whether the flow of gradients through the recurrent layers is measured after each epoch."""
    tensorboard: bool = False
    """Whether each epoch's figures are also written for TensorBoard (the extra `tracking`)."""
    kernel: Literal["auto", "own", "compiled", "padded", "held", "torch"] = "auto"
    """Who computes recurrent layers: the fastest one as far as measured (auto), seqkit's steps in torch (own) or as
    machine code (compiled, an extra), torch's kernels over padded rows (held, or padded, an LSTM on a CPU), or over
    packed ones (torch). They differ by rounding. All but auto and compiled do without machine code elsewhere too."""
    precision: Literal["no", "bf16", "fp16"] = "no"
    """Mixed precision: none, bfloat16, or float16 (CUDA only)."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Where to compute; auto takes an accelerator where there is one."""
    threads: int = 0
    """CPU threads of one operation, in each process (0: chosen by the size of the model, of its share of the cores; all
    of these share the work of machine code)."""
    seed: int = 1
    """Seed of every random choice."""
    deterministic: bool = False
    """Whether the same seed gives the same result on a GPU too, for some speed; on a CPU it does anyway."""

    def __post_init__(self) -> None:
        faults = Faults("training")
        faults.at_least(self, "epochs", 1, "epoch")
        faults.at_least(self, "batch_size", 1, "example")
        faults.above(self, "lr", 0)
        faults.above(self, "adam_eps", 0)
        faults.fraction(self, "ema")
        faults.at_least(self, "accumulate", 1, "batch")
        for name in (
            "batch_tokens",
            "weight_decay",
            "momentum",
            "warmup_steps",
            "plateau_patience",
            "average_last",
            "adversarial",
            "max_minutes",
            "checkpoint_minutes",
            "checkpoint_steps",
        ):
            faults.at_least(self, name, 0)
        for name in ("clip_norm", "patience", "threads", "seed"):
            faults.at_least(self, name, 0)
        faults.raise_any()


@dataclass(frozen=True)
class GeneratorTraining(TrainingConfig):
    """How a network that produces sentences learns."""

    self_critical: float = 0.0
    """Share of the loss that is about the score of sampled sentences instead of the likelihood of given ones
    (0 to 1). It helps a network that can write already: see `self_critical_start`, or `start_from`."""
    self_critical_start: int = 1
    """First epoch that is trained so; those before follow the likelihood alone."""
    self_critical_samples: int = 5
    """Sentences sampled for each source, each compared with the mean score of the others."""

    def __post_init__(self) -> None:
        super().__post_init__()
        faults = Faults("training")
        faults.fraction(self, "self_critical", below_one=False)
        faults.at_least(self, "self_critical_start", 1, "epoch")
        faults.at_least(self, "self_critical_samples", 2, "samples")
        faults.raise_any()
