"""The parts of recurrent networks: plain numbers in, no settings, no task."""

from seqkit.nn.attention import Attention
from seqkit.nn.bridge import Bridge
from seqkit.nn.cells import CELLS, Cell, State, get_cell
from seqkit.nn.characters import CharCNN, CharRNN, build_characters
from seqkit.nn.crf import CRF
from seqkit.nn.decoder import RecurrentDecoder
from seqkit.nn.embedding import TokenEmbedding
from seqkit.nn.encoder import Encoded, Encoder
from seqkit.nn.models import Classifier, EncoderDecoder, SourceEncoder, Tagger, VectorClassifier
from seqkit.nn.pooling import Pooling
from seqkit.nn.recurrent import Recurrent
from seqkit.nn.transformer import TransformerEncoder
from seqkit.nn.transformer_decoder import TransformerDecoder

__all__ = [
    "CELLS",
    "CRF",
    "Attention",
    "Bridge",
    "Cell",
    "CharCNN",
    "CharRNN",
    "Classifier",
    "Encoded",
    "Encoder",
    "EncoderDecoder",
    "Pooling",
    "Recurrent",
    "RecurrentDecoder",
    "SourceEncoder",
    "State",
    "Tagger",
    "TokenEmbedding",
    "TransformerDecoder",
    "TransformerEncoder",
    "VectorClassifier",
    "build_characters",
    "get_cell",
]
