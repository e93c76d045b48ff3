from __future__ import annotations

import subprocess
import sys

import pytest

from seqkit.decoding import DecodingOptions, SpecialIds
from seqkit.errors import ConfigError


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"method": "best"},
            r"decoding\.method must be one of beam, greedy, sample, mbr, got 'best'",
        ),
        ({"beam_size": 0}, r"decoding\.beam_size must be at least 1 hypothesis, got 0"),
        ({"nbest": 6}, r"decoding\.nbest must be from 1 to decoding\.beam_size, which is 5, got 6"),
        ({"nbest": 0, "method": "sample"}, r"decoding\.nbest must be at least 1"),
        ({"nbest": 2, "method": "greedy"}, r"decoding\.nbest must be 1 hypothesis where"),
        ({"max_len": 0}, r"decoding\.max_len must be at least 1 token, got 0"),
        ({"min_len": -1}, r"decoding\.min_len must be at least 0 tokens, got -1"),
        (
            {"min_len": 9, "max_len": 9},
            r"decoding\.min_len must be below decoding\.max_len.* 9, got 9",
        ),
        ({"length_penalty": -0.1}, r"decoding\.length_penalty must be .* at least 0, got -0\.1"),
        ({"length_penalty": float("nan")}, r"decoding\.length_penalty .* got nan"),
        ({"no_repeat_ngram": -1}, r"decoding\.no_repeat_ngram must be at least 0 tokens, got -1"),
        ({"temperature": 0.0}, r"decoding\.temperature must be a number above 0, got 0\.0"),
        ({"temperature": float("inf")}, r"decoding\.temperature .* got inf"),
        ({"top_k": -1}, r"decoding\.top_k must be at least 0 tokens, got -1"),
        ({"top_p": 0.0}, r"decoding\.top_p must be above 0 and at most 1, got 0\.0"),
        ({"top_p": 1.5}, r"decoding\.top_p must be above 0 and at most 1, got 1\.5"),
    ],
)
def test_a_setting_out_of_range_is_named_with_its_value_and_what_is_allowed(settings, message):
    with pytest.raises(ConfigError, match=message):
        DecodingOptions(**settings)


def test_all_faults_are_named_in_one_error():
    with pytest.raises(ConfigError) as caught:
        DecodingOptions(beam_size=0, top_p=2.0, temperature=-1.0)
    lines = str(caught.value).splitlines()
    assert [line.split()[0] for line in lines] == [
        "decoding.beam_size",
        "decoding.temperature",
        "decoding.top_p",
    ]


def test_special_ids_that_coincide_are_refused():
    with pytest.raises(ConfigError, match=r"must all differ, got .*eos_idx=2.*unk_idx=2"):
        SpecialIds(pad_idx=0, bos_idx=1, eos_idx=2, unk_idx=2)


def test_options_and_protocols_are_imported_without_torch():
    code = (
        "import sys, seqkit.decoding.options, seqkit.decoding.step; print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_every_public_name_can_be_imported():
    import seqkit.decoding

    for name in seqkit.decoding.__all__:
        assert getattr(seqkit.decoding, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'unheard_of'"):
        seqkit.decoding.unheard_of  # noqa: B018
