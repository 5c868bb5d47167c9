"""Makes tokenizer.json files like those of real models, from the models' older files or from a text.

The tests need the two families of tokenizers that matter: SentencePiece's with byte fallback (Llama) and byte-level BPE (GPT-2). The files that
public checkpoints ship are too large for this repository, so they are derived from material that lies beside it, or trained on the spot.
"""

from __future__ import annotations

import json
import struct

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

SPACE = "\u2581"  # how SentencePiece writes a space
BYTES = 3  # the token of byte 0; <unk>, <s> and </s> are before it
PIECES = BYTES + 256


def read_pieces(tok512: bytes) -> tuple[list[str], list[float]]:
    """The pieces and scores of llama2.c's tokenizer.bin, spaces being spaces."""
    pieces, scores = [], []
    at = 4  # after the length of the longest piece
    while at < len(tok512):
        score, size = struct.unpack_from("<fi", tok512, at)
        at += 8 + size
        pieces.append(tok512[at - size : at].decode())
        scores.append(score)
    return pieces, scores


def llama_tokenizer(tok512: bytes) -> str:
    """The tokenizer.json that does what llama2.c does with this tokenizer.bin, written as Llama 2's is."""
    pieces, scores = read_pieces(tok512)
    names = ["<unk>", "<s>", "</s>", *(piece.replace(" ", SPACE) for piece in pieces[BYTES:])]
    vocab = {name: token for token, name in enumerate(names)}
    model = models.BPE(vocab, _merges(names, scores), unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend(SPACE), normalizers.Replace(" ", SPACE)])
    tokenizer.decoder = decoders.Sequence([decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    tokenizer.post_processor = processors.TemplateProcessing("<s> $A", "<s> $A <s>:1 $B:1", [("<s>", 1)])
    tokenizer.add_special_tokens([AddedToken(name, normalized=False, special=True) for name in names[:BYTES]])
    return tokenizer.to_str(pretty=True)


def gpt2_tokenizer(encoder_json: bytes, vocab_bpe: bytes) -> str:
    """The tokenizer.json of GPT-2, from the two files of OpenAI's release."""
    merges = [(left, right) for left, right in (line.split(" ") for line in vocab_bpe.decode().splitlines()[1:])]
    return _byte_level(Tokenizer(models.BPE(json.loads(encoder_json), merges))).to_str(pretty=True)


def trained_tokenizer(text: str, vocab_size: int) -> str:
    """A byte-level tokenizer like GPT-2's, trained on a text; token 0 is <|endoftext|>."""
    tokenizer = _byte_level(Tokenizer(models.BPE()))
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=vocab_size, special_tokens=["<|endoftext|>"], initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator([text], trainer)
    return tokenizer.to_str(pretty=True)


def _merges(names: list[str], scores: list[float]) -> list[tuple[str, str]]:
    """Every way to make a piece of two; those that make the piece of the highest score first, as SentencePiece merges."""
    known = set(names[PIECES:])
    merges = []
    for token in sorted(range(PIECES, len(names)), key=lambda token: -scores[token]):
        name = names[token]
        merges += [(name[:i], name[i:]) for i in range(1, len(name)) if name[:i] in known and name[i:] in known]
    return merges


def _byte_level(tokenizer: Tokenizer) -> Tokenizer:
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|endoftext|>"])
    return tokenizer
