"""Queries, compared with gensim on the same vectors, and with NumPy."""

import json
import subprocess

import numpy as np
import pytest
import vocable
from gensim.models import KeyedVectors as Gensim
from vocable import VocableError


@pytest.fixture(scope="module")
def gensim(plain):
    words, array = plain
    peer = Gensim(array.shape[1])
    peer.add_vectors(words, array)
    return peer


def close(ours, theirs):
    """The same words in the same order, unless their scores are the same to the sixth digit, and scores within 1e-5."""
    assert len(ours) == len(theirs)
    assert np.allclose([score for _, score in ours], [score for _, score in theirs], atol=1e-5)
    for (word, _), (other, score) in zip(ours, theirs):
        assert word == other or any(abs(score - other_score) < 1e-6 for w, other_score in theirs if w == word)


QUESTIONS = [
    (["king"], []),
    (["king", "woman"], ["man"]),
    (["france", "film"], []),
    (["the", "cat", "dog"], ["house", "king"]),
]


@pytest.mark.parametrize("positive, negative", QUESTIONS)
def test_most_similar_is_gensims(table, text, gensim, positive, negative):
    for v in (table, text):
        expected = gensim.most_similar(positive, negative)
        close(v.most_similar(positive, negative), expected)
        close(v.nearest(positive, negative), expected)
        assert v.nearest(positive, negative) == v.most_similar(positive=positive, negative=negative, topn=10)
        close(
            v.most_similar(positive, negative, topn=3, restrict_vocab=200),
            gensim.most_similar(positive, negative, topn=3, restrict_vocab=200),
        )
        close(
            v.most_similar(positive, negative, topn=3, clip_start=50, clip_end=700),
            gensim.most_similar(positive, negative, topn=3, clip_start=50, clip_end=700),
        )
        assert np.allclose(
            v.most_similar(positive, negative, topn=None), gensim.most_similar(positive, negative, topn=None), atol=1e-5
        )
        close(v.most_similar_cosmul(positive, negative), gensim.most_similar_cosmul(positive, negative))
        assert np.allclose(
            v.most_similar_cosmul(positive, negative, topn=None),
            gensim.most_similar_cosmul(positive, negative, topn=None),
            atol=1e-5,
        )


def test_weights_vectors_and_numbers_of_rows(table, gensim):
    row = table.key_to_index["king"]
    for positive in (
        [("king", 2.0), ("woman", 0.5)],
        [(row, 2.0)],
        row,
        [row, "queen"],
        table["king"],
        [table["king"], "queen"],
        [(table["king"] * 3, 0.5), "queen"],
        table.vectors[2:5],
        np.float64(1.0) * table.vectors[3],
    ):
        close(table.most_similar(positive, ["man"]), gensim.most_similar(positive, ["man"]))


def test_a_batch_answers_as_one_by_one(table, text):
    questions = [
        "king",
        ["king", ("man", -1.0), "woman"],
        table["france"],
        [table["france"], "film"],
        table.key_to_index["queen"],
    ]
    for v in (table, text):
        batch = v.nearest_batch(questions, k=4, restrict=900)
        assert batch == [v.nearest(question, k=4, restrict=900) for question in questions]
        assert v.nearest_batch(v.vectors[:3], k=2) == [v.nearest(vector, k=2) for vector in v.vectors[:3]]
        assert v.nearest_batch([]) == []


def test_limits(table):
    allowed = ["queen", "prince", "crown", "king"]
    assert {word for word, _ in table.nearest("king", within=allowed)} == {"queen", "prince", "crown"}
    assert all(cosine >= 0.8 for _, cosine in table.nearest("king", k=100, min_cosine=0.8))
    with pytest.warns(UserWarning, match="1 of 2 words are not in the vocabulary: `kign`"):
        table.nearest("king", within=["queen", "kign"])
    with pytest.raises(VocableError, match="minimum cosine"):
        table.analogy("man", "king", "woman", method="mul", min_cosine=0.5)
    with pytest.raises(VocableError, match="words: expected at least one, found none"):
        table.nearest([])
    with pytest.raises(VocableError, match="vector: expected 50 numbers"):
        table.nearest(np.ones(3))
    with pytest.raises(VocableError, match="unknown value .* \\(possible values: add, mul\\)"):
        table.analogy("man", "king", "woman", method="sub")


def test_small_questions_are_gensims(table, gensim):
    words = ["king", "queen", "france", "film", "dog"]
    for a in words:
        assert np.allclose(table.distances(a), gensim.distances(a), atol=1e-5)
        assert np.allclose(table.distances(a, words), gensim.distances(a, words), atol=1e-5)
        for b in words:
            assert abs(table.similarity(a, b) - gensim.similarity(a, b)) < 1e-5
            assert abs(table.distance(a, b) - gensim.distance(a, b)) < 1e-5
            assert table.rank(a, b) == gensim.rank(a, b)
            assert set(table.closer_than(a, b)) == set(gensim.closer_than(a, b))
            assert abs(table.relative_cosine_similarity(a, b) - gensim.relative_cosine_similarity(a, b)) < 1e-5
    assert abs(table.n_similarity(words[:2], words[2:]) - gensim.n_similarity(words[:2], words[2:])) < 1e-5
    for four in (
        ["bread", "cheese", "soup", "crocodile"],
        ["king", "queen", "prince", "film"],
        ["king", "kign", "queen", "dog"],
    ):
        assert table.doesnt_match(four) == gensim.doesnt_match(four)
    assert table.odd(["bread", "cheese", "soup", "crocodile"]) == "crocodile"
    close([(w, s) for s, w in table.rank_by_centrality(words)], [(w, s) for s, w in gensim.rank_by_centrality(words)])
    assert table.most_similar_to_given("king", ["film", "queen"]) == "queen"
    assert np.allclose(table.get_vector("king", norm=True), gensim.get_vector("king", norm=True), atol=1e-6)
    assert np.allclose(table.get_normed_vectors(), gensim.get_normed_vectors(), atol=1e-6)
    for options in ({}, {"pre_normalize": False}, {"post_normalize": True}, {"weights": [1, 2, 3, 4, -5]}):
        assert np.allclose(table.get_mean_vector(words, **options), gensim.get_mean_vector(words, **options), atol=1e-5)
    with pytest.raises(KeyError):
        table.get_mean_vector(["kign"], ignore_missing=False)


def test_analogies(table, gensim):
    close(table.analogy("man", "king", "woman"), gensim.most_similar(["king", "woman"], ["man"]))
    close(table.analogy("man", "king", "woman", method="mul"), gensim.most_similar_cosmul(["king", "woman"], ["man"]))


def test_benchmarks_are_gensims_and_the_programs(table, table_path, fixtures, gensim, program):
    score, sections = table.evaluate_word_analogies(fixtures / "capitals.txt")
    expected, theirs = gensim.evaluate_word_analogies(fixtures / "capitals.txt")
    assert score == expected and sections == theirs
    ours, theirs = table.evaluate_word_pairs(fixtures / "pairs.tsv"), gensim.evaluate_word_pairs(fixtures / "pairs.tsv")
    assert np.allclose(ours[0], [theirs[0].statistic, theirs[0].pvalue], rtol=1e-5)
    assert np.allclose(ours[1], [theirs[1].statistic, theirs[1].pvalue], rtol=1e-5)
    assert ours[2] == theirs[2]
    for file, options in (
        ("capitals.txt", {}),
        ("capitals.txt", {"protocol": "word2vec"}),
        ("pairs.tsv", {"protocol": "exact", "restrict": 500}),
    ):
        argv = [program, "--vectors", table_path, "--json", "evaluate", fixtures / file]
        argv += [part for name, value in options.items() for part in (f"--{name}", str(value))]
        assert json.loads(subprocess.run(argv, capture_output=True, text=True, check=True).stdout) == table.evaluate(
            fixtures / file, **options
        )
    with pytest.raises(VocableError, match="protocol"):
        table.evaluate(fixtures / "pairs.tsv", protocol="glove")
    with pytest.raises(VocableError, match="not analogy questions"):
        table.evaluate_word_analogies(fixtures / "pairs.tsv")


def test_coverage_is_the_programs(table, table_path, fixtures, program):
    argv = [
        program,
        "--vectors",
        table_path,
        "--json",
        "coverage",
        fixtures / "reviews.train.txt",
        "--tokenizer",
        "whitespace",
        "-k",
        "7",
    ]
    expected = json.loads(subprocess.run(argv, capture_output=True, text=True, check=True).stdout)
    path = fixtures / "reviews.train.txt"
    assert table.coverage(str(path), tokenizer="whitespace", k=7) == expected
    texts = [line.split(" ", 1)[1] for line in path.read_text().splitlines()]
    assert table.coverage(texts, tokenizer="whitespace", k=7) == expected | {"file": "texts"}


def test_embedding_matrix(table, table_path, program, tmp_path):
    torch = pytest.importorskip("torch")
    vocab = ["<pad>", "<unk>", "king", "zzyzx", "queen"]
    matrix = table.embedding_matrix(vocab, pad="<pad>", unk="<unk>")
    assert matrix.shape == (5, 50) and matrix.dtype == np.float32 and not matrix[0].any()
    assert (
        np.array_equal(matrix[2], table["king"])
        and np.array_equal(matrix[4], table["queen"])
        and np.array_equal(matrix[1], table.unknown())
    )
    (tmp_path / "vocab.txt").write_text("\n".join(vocab) + "\n")
    out = tmp_path / "matrix.npy"
    subprocess.run(
        [
            program,
            "embedding-matrix",
            tmp_path / "vocab.txt",
            "--vectors",
            table_path,
            "--out",
            out,
            "--pad",
            "<pad>",
            "--unk",
            "<unk>",
        ],
        check=True,
        capture_output=True,
    )
    assert np.array_equal(matrix, np.load(out))
    by_index = table.embedding_matrix({"king": 2, "queen": np.int64(4)})
    assert by_index.shape == (5, 50) and np.array_equal(by_index[4], table["queen"]) and not by_index[[0, 1, 3]].any()
    with pytest.warns(
        UserWarning, match=r"`<pad>` \(row 0\) is not in the vectors and gets a random vector; pass pad="
    ):
        table.embedding_matrix(["<pad>", "king"])
    with pytest.raises(VocableError, match="pad: expected a word of the vocabulary"):
        table.embedding_matrix(["king"], pad="<pad>")
    with pytest.raises(VocableError, match="an index below"):
        table.embedding_matrix({"king": 10**12})
    # The layer uses the memory of the NumPy array.
    layer = torch.nn.Embedding.from_pretrained(torch.from_dlpack(matrix), freeze=False, padding_idx=0)
    looked_up = layer(torch.tensor([[2, 4, 0]]))
    assert looked_up.tolist() == [[row.tolist() for row in matrix[[2, 4, 0]]]]
    assert layer.weight.data_ptr() == matrix.ctypes.data


def test_real_vectors(shared):
    """The first rows of a GloVe file, compared with gensim."""
    path = shared / "glove.6B.50d.head.txt"
    v = vocable.open(path)
    peer = Gensim.load_word2vec_format(path, no_header=True)
    assert v.index_to_key == peer.index_to_key and np.array_equal(v.vectors, peer.vectors)
    ours = vocable.KeyedVectors.load_word2vec_format(shared / "word2vec.50d.bin", binary=True)
    theirs = Gensim.load_word2vec_format(shared / "word2vec.50d.bin", binary=True)
    assert ours.index_to_key == theirs.index_to_key and np.array_equal(ours.vectors, theirs.vectors)
    for word in theirs.index_to_key[1:2000:97]:
        close(ours.most_similar(word), theirs.most_similar(word))
