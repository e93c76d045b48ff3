"""Caption tokens against what Stanford's PTBTokenizer makes of the same text.

The expected tokens come from the jar that pycocoevalcap 1.2 carries, then less the COCO tools' list
of punctuation: `java -cp stanford-corenlp-3.4.1.jar edu.stanford.nlp.process.PTBTokenizer
-preserveLines -lowerCase FILE`.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqkit.metrics import tokenize_caption


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("A dog runs .", "a dog runs"),
        ("A man, woman,and child", "a man woman and child"),
        ('holds a "big" sign, isn\'t it?', "holds a big sign is n't it"),
        ("The dog's ball can't fly.", "the dog 's ball ca n't fly"),
        ("a dog 's ball", "a dog 's ball"),
        ("They'd cannot gonna wanna go", "they 'd can not gon na wan na go"),
        ("we've won't! DON'T I'm we're", "we 've wo n't do n't i 'm we 're"),
        ("shouldn't've", "should n't 've"),
        ("girls' room 'quoted' words", "girls room quoted words"),
        ("90's '90s o'clock", "90 's '90s o'clock"),
        ("black/white and/or t-shirt", "black/white and/or t-shirt"),
        ("two-year-old 3-4 people 20x30 mid-air", "two-year-old 3-4 people 20x30 mid-air"),
        ("1,000 2.5 1/2 5:30 $5 #5 50%", "1,000 2.5 1/2 5:30 $ 5 # 5 50 %"),
        ("at 7:00am w/ friends", "at 7:00 am w / friends"),
        ("a & b &amp; c q&a at&t", "a & b & c q&a at & t"),
        ("Mr. Smith in the U.S. went to St. Louis.", "mr. smith in the u.s. went to st. louis"),
        ("No. 5 vs. team. No. a.m.", "no. 5 vs. team no a.m."),
        ("this is ... a test.. and -- dash - minus", "this is a test and dash minus"),
        ("hello!! what?! wow!!!", "hello !! what ?! wow !!!"),
        ("en – em … ‘single’ “double” it’s", "en em single double it 's"),
        ("a (left) [c] {d}", "a -lrb- left -rrb- -lsb- c -rsb- -lcb- d -rcb-"),
        ("*star* x+y foo_bar café", "* star * x + y foo_bar café"),
        ("http://foo.com/bar www.foo.com foo.jpg", "http://foo.com/bar www.foo.com foo.jpg"),
        ("#hashtag @user", "#hashtag @user"),
        ("", ""),
    ],
)
def test_tokens_are_those_of_the_java_tokenizer(text: str, tokens: str) -> None:
    assert tokenize_caption(text) == tokens.split()


@given(words=st.lists(st.text("abcxyz", min_size=1, max_size=6), max_size=8))
@settings(max_examples=50, deadline=None)
def test_plain_words_stay_as_they_are_and_marks_between_them_vanish(words: list[str]) -> None:
    assert tokenize_caption(" ".join(words)) == words
    assert tokenize_caption(" , ".join(words).upper()) == words


@given(text=st.text(max_size=40))
@settings(max_examples=100, deadline=None)
def test_any_text_gives_tokens_that_are_neither_empty_nor_hold_blanks(text: str) -> None:
    assert all(token.split() == [token] for token in tokenize_caption(text))
