"""Scores of finished output: captions, translations, entities, labels. Torch-free.

Everything is 0..1 but BLEU and chrF of translations (0..100, as sacreBLEU prints them) and CIDEr-D
(0..10, as the COCO caption tools print it).
"""

from seqkit.metrics.caption_tokens import tokenize_caption
from seqkit.metrics.cider import cider_d
from seqkit.metrics.classification import ClassificationScores, classification_scores
from seqkit.metrics.coco_bleu import corpus_bleu
from seqkit.metrics.precision_recall import PrecisionRecall
from seqkit.metrics.rouge import rouge_l
from seqkit.metrics.spans import EntityScores, entity_scores
from seqkit.metrics.translation import TranslationScores, translation_scores

__all__ = [
    "ClassificationScores",
    "EntityScores",
    "PrecisionRecall",
    "TranslationScores",
    "cider_d",
    "classification_scores",
    "corpus_bleu",
    "entity_scores",
    "rouge_l",
    "tokenize_caption",
    "translation_scores",
]
