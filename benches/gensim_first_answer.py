"""Opens vectors with gensim and runs one query: the ten words nearest to WORD, or its cosine with OTHER."""

import argparse

from gensim.models import KeyedVectors

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("format", choices=["glove", "word2vec-binary", "keyedvectors"])
parser.add_argument("file")
parser.add_argument("word", nargs="?")
parser.add_argument("other", nargs="?")
parser.add_argument("--save", metavar="OUT", help="write gensim's own format, which it memory-maps, without a query")
arguments = parser.parse_args()

if arguments.format == "keyedvectors":
    vectors = KeyedVectors.load(arguments.file, mmap="r")
elif arguments.format == "glove":
    vectors = KeyedVectors.load_word2vec_format(arguments.file, no_header=True)
else:
    vectors = KeyedVectors.load_word2vec_format(arguments.file, binary=True)

if arguments.save:
    vectors.save(arguments.save)
elif arguments.other:
    cosine = vectors.similarity(arguments.word, arguments.other)
    print(f"{arguments.word} {arguments.other} {cosine:.4f}", flush=True)
else:
    answers = vectors.most_similar(arguments.word, topn=10)
    print("\n".join(f"{word} {cosine:.4f}" for word, cosine in answers), flush=True)
