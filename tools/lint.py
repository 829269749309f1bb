#!/usr/bin/env python3
# long because each rule carries the faults that it must catch
"""Checks the project's rules.

usage: lint.py [--tidy BUILD_DIR]     all rules over the files of the checkout; --tidy adds clang-tidy with BUILD_DIR's compile commands
       lint.py --self-test            plants every fault; fails if a rule misses one or reports the sound text next to it
"""
import argparse
import ast
import collections
import concurrent.futures
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
import results  # noqa: E402

FLOORS = ["tensor", "autograd", "nn", "mode", "tools", "tests"]  # a file includes its own floor and those before it
TOP_LEVEL = {"Makefile", "CMakeLists.txt", "README.md", "LICENSE", "CHANGELOG.md", "CITATION.cff", ".ci", *FLOORS}
CPP = (".h", ".cpp", ".inl", ".cu")
SCRIPTS = (".sh", ".py", ".cmake", ".in", ".txt", "Makefile", ".ci/run")
MOST_LINES = 400
GENERATED = {"mode/commit.h"}

# Libraries: the first floor that may include them, and whether its headers may.
LIBRARIES = {
    "stb/": ("nn", False), "nlohmann/": ("nn", False), "xxhash.h": ("nn", False), "zlib.h": ("nn", False), "Eigen/": ("mode", False), "CLI/": ("tools", False),
    "benchmark/": ("tools", True), "gtest/": ("tests", True), "gmock/": ("tests", True),
}

RULES = []


def rule(*faults, sound=()):
    """Registers a rule: `faults` and `sound` are (path, text) that it must report and must let pass."""
    def register(function):
        RULES.append((function, faults, sound))
        return function
    return register


def blank(match):
    return re.sub(r"[^\n]", " ", match.group())


def code(text, strings=True):
    """C++ text with comments blanked (and the insides of strings, unless `strings`); the line numbers stay."""
    pattern = r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\''
    return re.sub(pattern, lambda m: m.group() if strings and m.group()[0] in "\"'" else blank(m), text, flags=re.S)


def script(text):
    return re.sub(r"(^|\s)#[^\n]*", blank, text)


def find(pattern, text, message):
    """(line, message) for each match; {0} in the message is the match."""
    for match in re.finditer(pattern, text, flags=re.M):
        yield text.count("\n", 0, match.start()) + 1, message.format(match.group().strip())


def is_cpp(path):
    return path.endswith(CPP)


def is_script(path):
    return path.endswith(SCRIPTS)


def floor_of(path):
    return path.split("/")[0] if path.split("/")[0] in FLOORS else None


@rule(("tensor/a.cpp", '#include "autograd/variable.h"\n'), ("nn/a.cpp", '#define KERNEL_FILE "mode/detectors/knn_kernel.inl"\n'),
      ("mode/a.cpp", '#include "tests/kernel_testing.h"\n'), ("nn/a.cpp", '#include "safetensors.h"\n'), ("tensor/a.cpp", "#include <nlohmann/json.hpp>\n"),
      ("nn/a.h", "#include <xxhash.h>\n"), ("mode/a.cpp", "#include <gtest/gtest.h>\n"),
      sound=[("nn/a.cpp", '#include "nn/b.h"\n#include "tensor/c.h"\n#include <stb/stb_image.h>\n// #include "mode/d.h"\n'),
             ("tests/a.cpp", '#include "mode/d.h"\n#include <gtest/gtest.h>\n')])
def includes_go_one_way(files):
    for path, text in files.items():
        floor = floor_of(path)
        if not is_cpp(path) or floor is None or path.startswith("tests/consumer/"):
            continue
        for line, name in find(r'^\s*#\s*(?:include|define\s+KERNEL_FILE)\s*["<][^">]+[">]', code(text), "{0}"):
            target = re.search(r'["<](.+)[">]', name).group(1)
            if '"' in name:
                other = floor_of(target)
                if other is None:
                    yield path, line, f'"{target}": include by the path from the top of the tree, "{floor}/..."'
                elif FLOORS.index(other) > FLOORS.index(floor):
                    yield path, line, f"{floor}/ includes {target}, a floor above it; the order is " + " <- ".join(FLOORS)
                continue
            for prefix, (first, in_headers) in LIBRARIES.items():
                if target.startswith(prefix):
                    if FLOORS.index(floor) < FLOORS.index(first):
                        yield path, line, f"<{target}> may be used from {first}/ on, not in {floor}/"
                    elif not in_headers and path.endswith(".h") and floor != "tests":
                        yield path, line, f"<{target}> is private to .cpp files"


@rule(("CMakeLists.txt", "add_compile_options(-ffast-math)\n"), ("tensor/a.cpp", '#pragma GCC optimize("Ofast")\n'),
      ("tensor/a.cpp", '__attribute__((optimize("fast-math")))\n'), ("tools/cmake/a.cmake", "set(F -fassociative-math)\n"),
      sound=[("CMakeLists.txt", "# Never -ffast-math\nadd_compile_options(-fno-trapping-math)\n")])
def no_fast_math(files):
    pattern = r"-f(fast-math|finite-math-only|associative-math|reciprocal-math|unsafe-math-optimizations|no-signed-zeros)|-?\bOfast\b|\bfast-math\b"
    for path, text in files.items():
        if (is_cpp(path) or is_script(path)) and path != "tools/lint.py":
            for line, message in find(pattern, code(text) if is_cpp(path) else script(text), "{0}: a checker and a NaN guard must mean what they say"):
                yield path, line, message


FORBIDDEN_CODE = [
    # pattern, where it does not hold, message
    (r"#\s*pragma\s+omp\b.*\breduction\s*\(", None, "reduction(): the order of additions depends on the threads; add partial results in index order"),
    (r"#\s*pragma\s+omp\s+atomic", None, "omp atomic: the order of additions depends on the threads; add partial results in index order"),
    (r"\b__(AVX\w*|FMA|SSE\w*)__\b", r"^(?!.*\.inl$)", "{0} is not changed by a target pragma: in a kernel file ask vector_bytes"),
    (r"\b(__shared__|__CUDA_ARCH__|__CUDACC__|asm|__asm__)\b", r"^tensor/cuda/", "{0} stands in tensor/cuda/ only"),
    (r"\b(std::random_device|mt19937\w*|default_random_engine|minstd_rand0?|(uniform_(int|real)|normal|bernoulli)_distribution)\b|\bs?rand\s*\(", None,
     "{0}: random numbers come from tensor/philox.h alone"),
    (r"#\s*include\s*<(ranges|format|source_location)>|\bstd::(format|views::\w+|ranges::views)\b", None, "{0}: g++ 12 or clang-tidy 14 cannot read it"),
]


@rule(*[("tensor/ops/a_kernel.inl", text) for text in (
          "#pragma omp parallel for reduction(+ : sum)\n", "#pragma omp atomic\n", "#ifdef __AVX512F__\n", "__shared__ float tile[64];\n",
          'asm volatile("");\n', "#ifdef __CUDACC__\n", "std::random_device device;\n", "std::mt19937_64 engine;\n", "int i = rand();\n",
          "#include <ranges>\n", "auto s = std::format(\"{}\", 1);\n")],
      sound=[("tensor/cuda/primitives.h", "#ifdef __CUDA_ARCH__\nasm volatile(\"\");\n#endif\n"), ("tensor/isa.cpp", "#if defined(__AVX2__)\n"),
             ("nn/a.cpp", "// rand() would be wrong\nint operand(int); int i = operand(1);\nfmt::format(\"asm\");\n")])
def no_forbidden_code(files):
    for path, text in files.items():
        if is_cpp(path):
            for pattern, elsewhere, message in FORBIDDEN_CODE:
                if elsewhere is None or not re.search(elsewhere, path):
                    for line, said in find(pattern, code(text, strings=False), message):
                        yield path, line, said


KERNEL = "template <class T>\n__global__ void %s(T* x) { x[threadIdx.x] = 1; }\n"


@rule(("tensor/ops/a_cuda.cu", KERNEL % "f"), ("tests/emulator/a.cu", KERNEL % "__launch_bounds__(64) f" + KERNEL % "f"),
      sound=[("tensor/ops/a_cuda.cu", "// a __global__ function\n" + KERNEL % "__launch_bounds__(threads)\n    f"),
             ("tensor/ops/b_cuda.cu", "__launch_bounds__(64) __global__ void f(int* x) {}\n"), ("tensor/emulator/a.h", "#define __global__\n")])
def kernels_have_launch_bounds(files):
    """Without them nvcc assumes blocks of 1024 threads, or a launch fails for lack of registers."""
    for path, text in files.items():
        if is_cpp(path):
            text = code(text, strings=False)
            for match in re.finditer(r"^(?!\s*#).*?\b__global__\b[^;{(]*(\(|[;{])", text, flags=re.M):
                if "__launch_bounds__" not in match.group():
                    line = text.count("\n", 0, text.index("__global__", match.start())) + 1
                    yield path, line, "a kernel without __launch_bounds__(threads of its blocks)"


@rule(("nn/a.cpp", "// TO" "DO: later\n"), ("README.md", "FIX" "ME\n"), ("Makefile", "# X" "XX\n"), sound=[("nn/a.cpp", "// what is to do: nothing\n")])
def nothing_left_to_do(files):
    for path, text in files.items():
        for line, message in find(r"\b(TO" r"DO|FIX" r"ME|X" r"XX)\b", text, "{0}: finish it, or file an issue"):
            yield path, line, message


@rule(("nn/a.cpp", 'open("/home/me/images");\n'), ("tests/a.py", 'x = "/tmp/out"\n'), ("tools/a.sh", "cp a /root/b\n"), ("README.md", "cd /work/mode\n"),
      sound=[("nn/a.cpp", 'open("/dev/full"); // a/tmp/b\n'), ("README.md", "installs into /usr/local\n")])
def no_absolute_paths(files):
    for path, text in files.items():
        if path.endswith((".safetensors", ".lint")) or path == "tools/lint.py":
            continue
        for line, message in find(r"(?<![\w.})$/*-])/(home|root|work|tmp|mnt|opt|Users|data)/\w", text, "{0}...: a path of one machine"):
            yield path, line, message


@rule(("nn/a.cpp", "\n" * 401), sound=[("nn/a.cpp", "// long because one table\n" + "\n" * 500), ("nn/b.cpp", "\n" * 400)])
def files_are_short(files):
    for path, text in files.items():
        lines = text.count("\n")
        if (is_cpp(path) or is_script(path)) and lines > MOST_LINES and "long because" not in "".join(text.splitlines(True)[:10]):
            yield path, 1, f'{lines} lines; at most {MOST_LINES}, unless the first lines say "long because ..."'


README_LINES = 70


@rule(("README.md", "\n" * (README_LINES + 1)), sound=[("README.md", "\n" * README_LINES), ("nn/README.md", "\n" * 100)])
def top_readme_is_one_screen(files):
    lines = files.get("README.md", "").count("\n")
    if lines > README_LINES:
        yield "README.md", 1, f"{lines} lines; at most {README_LINES}: move details to the README of a folder"


STUDY = "arm,seed,method,set,fpr95,auroc\n" + "".join(
    f"{arm},{seed},,neighbor-accuracy,0.5,\n" + "".join(f"{arm},{seed},{method},a,{score},{score}\n" for method in ("knn", "csd"))
    for arm, seed, score in [("base", 1, 0.5), ("base", 2, 0.6), ("extra", 1, 0.6), ("extra", 2, 0.6), ("finetune", 1, 0.7), ("finetune", 2, 0.9)])
GAINS = "<!-- results: gains mode/net_ce.csv -->\n%s<!-- end of results -->\n"
GAINS_TABLE = ("| loss | network | before | further training | ALPA instead (MODE-F) | ALPA over further training |\n|---|---|---|---|---|---|\n"
               "| ce | net | 55.0 ± 7.1 | 60.0 ± 0.0 | 80.0 ± 14.1 | +20.0 ± 14.1 |\n")
CORE = "| 1 | `nn/{a.h,a.cpp}` |\n<!-- results: files -->\n%s<!-- end of results -->\n"


@rule(("a.md", GAINS % GAINS_TABLE.replace("80.0", "81.0"), "mode/net_ce.csv", STUDY), ("a.md", GAINS % "", "mode/net_ce.csv", STUDY), ("a.md", GAINS % ""),
      ("README.md", CORE % "3 files, about 200 lines.\n", "nn/a.h", "\n" * 120, "nn/a.cpp", "\n" * 100), ("README.md", CORE % "2 files, about 0 lines.\n", "nn/a.h", ""),
      sound=[("a.md", GAINS % GAINS_TABLE, "mode/net_ce.csv", STUDY),
             ("README.md", CORE % "2 files, about 200 lines.\n", "nn/a.h", "\n" * 120, "nn/a.cpp", "\n" * 100)])
def results_are_generated(files):
    for path, text in files.items():
        if path.endswith(".md") and results.BEGIN.search(text):
            try:
                if results.generate(files, path) != text:
                    yield path, 1, "a generated part differs from its data: make results"
            except (KeyError, ValueError) as error:
                yield path, 1, f"a generated part cannot be made: {error}"


# Words with a better one: American spelling, the terms of the field, and phrases that no engineer says. A space matches a line break of a comment.
BETTER_WORDS = {
    r"pictures?": "image", r"data sets?": "dataset", r"gradient_of_\w+": "dx, dy, dw", r"cut out": "cropped",
    r"colour\w*": "color", r"centres?|centred|centring": "center", r"neighbour\w*": "neighbor", r"grey\w*": "gray",
    r"behaviour\w*": "behavior", r"favour\w*": "favor", r"labell(?:ed|ing)": "labeled", r"learnt": "learned", r"modell(?:ed|ing)": "modeled", r"travell\w*": "travel",
    r"(?:normal|optim|initial|minim|maxim|summar|recogn|serial|organ|special|vector|quant|general|emphas)is(?:e|es|ed|er|ers|ing|ation|ations)": "-ize",
    r"analys(?:e|ed|es|ing)": "analyze",
    r"nothing is said of": "a statement", r"what stands": "a noun", r"stands?(?! (?:in )?for)": "a verb of the field", r"(?:go|goes|going|went) on(?! to)": "continue",
    r"(?:is|are) told": "receives", r"(?<!there\s)(?:is|are) none": "no or missing", r"(?:behind|beside) (?:it|them)": "after, next to", r"so many": "a number",
    r"likewise": "the same in words", r"whatever": "any", r"METHOD|DESIGN": "a file of this project",
}
# Texts that must keep another spelling: seeds of random numbers in golden files, and names in files of earlier versions.
KEPT_WORDS = {
    "mode/detectors/regions.cpp": {"centre"}, "mode/detectors/regions.h": {"centre"}, "nn/data/resize.cpp": {"centre", "picture"},
    "tests/golden/colors.py": {"colours"}, "tests/golden/resnet.py": {"pictures"}, "tests/test_golden_colors.cpp": {"colours"},
    "tests/test_golden_resnet.cpp": {"pictures"}, "tests/test_checkpoint.cpp": {"centre", "picture"}, "tests/test_cli_ablate.cpp": {"centre", "kcentre"},
    "tests/test_regions.cpp": {"centre"}, "mode/training/options.cpp": {"picture"}, "tools/commands/study.cpp": {"pictures"},
    "mode/evaluation/study.cpp": {"neighbour"}, "tools/commands/arguments.cpp": {"kcentre", "pictures"},
    "tests/test_cli_training.cpp": {"picture", "centre"}, "tests/test_cli_study.cpp": {"neighbour", "pictures"}, "tests/test_cli_sheet.cpp": {"pictures"},
    "CHANGELOG.md": {"picture", "pictures", "neighbour", "centre"},
}


def words_pattern(words):
    gap = r"(?: |[ ]*\n[ ]*(?://+|#)?[ ]*)"
    return re.compile(r"\b(?:" + "|".join(f"(?P<w{at}>{word.replace(' ', gap)})" for at, word in enumerate(words)) + r")\b")


WORDS_PATTERN = words_pattern(BETTER_WORDS)


@rule(*[(path, text) for path, text in [
          ("nn/a.h", "// a picture of a cat\n"), ("nn/a.cpp", 'CHECK(ok, "the data set is empty");\n'), ("README.md", "the data\nset\n"), ("nn/a.cpp", "int normalise(int);\n"),
          ("nn/a.cpp", "// Optimiser\n"), ("tools/a.sh", "# the neighbouring file\n"), ("mode/a.h", "// what\n// stands here\n"), ("mode/a.h", "// see METHOD 3\n"), ("mode/a.h", "// the run goes on\n"),
          ("tests/a.cpp", "// centre\n"), ("CMakeLists.txt", "# labelled\n")]],
      sound=[("nn/a.h", "// an image of a cat, normalized; a dataset; empty if there is none; x stands for y; the design\n"), ("mode/detectors/regions.cpp", 'name == "centre"\n'), ("tools/a.sh", "# precise, otherwise, promise\n")])
def words_are_the_fields(files):
    better = list(BETTER_WORDS.values())
    for path, text in files.items():
        if path == "tools/lint.py" or path.startswith("tests/fuzz/corpus/") or path.endswith(".safetensors"):
            continue
        for match in WORDS_PATTERN.finditer(text if path == "LICENSE" else re.sub(r"\b(?!None\b)[A-Z][a-z]+", lambda m: m.group().lower(), text)):
            if match.group() not in KEPT_WORDS.get(path, ()):
                which = int(match.lastgroup[1:])
                yield path, text.count("\n", 0, match.start()) + 1, f"'{' '.join(match.group().split())}': write {better[which]}"


HEADER_WORDS = "maths|shapes|types|errors|cost|parallel|numerics|source"
OP_HEADER = "#pragma once\n// Means.\n//\n// maths    y = x\n//          z = y\n// shapes   x (R, C)\n// cost     1 flop\n\nint f();\n"


@rule(("nn/a.h", OP_HEADER.replace("x (R, C)\n// cost", "x (R, C) cost")), ("nn/a.h", OP_HEADER.replace("//          z", "// z")), ("tensor/a_cpu.cpp", "// cost     1\n// and 2\nint i;\n"),
      sound=[("nn/a.h", OP_HEADER), ("tensor/a_cpu.cpp", "// cost     1\n//          more\n// parallel rows\n\n// numerics of something else\nint i;\n"),
             ("nn/b.h", "// The cost of a step, in parallel.\n// It is low.\n")])
def header_words_begin_lines(files):
    """A kernel's header has a column of words. Its other lines are indented past them; a formatter that reflows comments would break that."""
    glued = re.compile(rf"\S +(?:(?:{HEADER_WORDS}) {{2,}}\S|numerics )")
    for path, text in files.items():
        if not is_cpp(path) or not re.search(rf"^// ({HEADER_WORDS}) ", text, re.M):
            continue
        begun = False
        for number, line in enumerate(text.splitlines(), 1):
            if not line.startswith("//"):
                if begun:
                    break
                continue
            begun = begun or bool(re.match(rf"// (?:{HEADER_WORDS}) ", line))
            if begun and not re.match(rf"// (?:(?:{HEADER_WORDS}) |         )|//$", line):
                yield path, number, "a line of the header that begins with no word of " + HEADER_WORDS.replace("|", " ") + " is indented by ten"
            elif begun and glued.search(line[3:]):
                yield path, number, "a word of the header begins its own line"



FEWEST_LINES = 40
ONE_PER_FILE = r"((autograd|\w+/cases)/|tools/bench/rows_|tools/commands/\w+\.cpp)"  # one op, group of rows or command per file, so that each is guessed; so is a test or fuzz target
SHORT_BECAUSE = {
    "tensor/fmt.cpp": "it only instantiates {fmt}'s templates", "tensor/for_each_isa.h": "it is only the loop over instruction sets",
    "tensor/math.h": "formulas and kernels on both devices include it",
    "tensor/cuda/absent.cpp": "a build without CUDA has no devices",
    "tensor/cuda/runtime.h": "it only chooses between two kernel languages", "tensor/cuda/fast_divmod.h": "kernels and host code share one small type",
    "tensor/emulator/emulator.h": "tests include the settings alone",
    "tensor/ops/matrix_view.h": "every op along the last axis includes it",
    "tensor/ops/naive.h": "only the oracles include it",
    "tools/commands/argument_parts.h": "only the two files that use CLI11 include it",
}
SUFFIXES = r"(_(cpu|cuda|kernel|naive|functors|steps|explain|report))*$"


@rule(("nn/a.h", "\n" * 39), ("README.md", ""), ("nn/a.h", "", "nn/b.cpp", "", "nn/ab.h", "\n" * 50),
      sound=[("nn/a.h", "\n" * 40), ("nn/a.h", "", "nn/a.cpp", "\n" * 50), ("nn/a.h", "// short because every file includes it\n"), ("autograd/a.cpp", "int i;\n"),
             ("nn/a_cpu.cpp", "", "nn/a_cuda.cu", ""), ("tests/test_a.cpp", "")])
def files_are_not_tiny(files):
    """A short file is hard to guess, unless it shares its name with others: x.h, x.cpp, x_cpu.cpp."""
    def stem(path):
        return re.sub(SUFFIXES, "", path.rsplit(".", 1)[0])

    if "README.md" in files:
        for path in SHORT_BECAUSE.keys() - files.keys():
            yield "tools/lint.py", 1, f"SHORT_BECAUSE names {path}, which is gone"
    count = collections.Counter(stem(path) for path in files if is_cpp(path))
    for path, text in files.items():
        if is_cpp(path) and not path.startswith("tests/") and not re.match(ONE_PER_FILE, path) and text.count("\n") < FEWEST_LINES and count[stem(path)] == 1:
            if path not in SHORT_BECAUSE and "short because" not in "".join(text.splitlines(True)[:10]):
                yield path, 1, f'{text.count(chr(10))} lines; at least {FEWEST_LINES}: merge it, or state "short because ..." in its first lines'


@rule(("CMakeLists.txt", "add_library(a ${top}/nn/a.cpp)\n"), ("tests/fuzz/CMakeLists.txt", "set(a ${PROJECT_SOURCE_DIR}/nn/a.cpp)\n"),
      sound=[("CMakeLists.txt", "file(GLOB a ${top}/nn/*.cpp)\nset(a ${top}/nn/a.cpp)\n", "nn/a.cpp", "")])
def cmake_names_files_that_exist(files):
    for path, text in files.items():
        if path.endswith("CMakeLists.txt"):
            for line, name in find(r"\$\{(?:top|PROJECT_SOURCE_DIR)\}/[\w./-]+\.(?:cpp|h|cu|sh)\b", text, "{0}"):
                target = name.split("}/")[1]
                if target not in files:
                    yield path, line, f"{target}: no such file"


OP = "#pragma once\n// maths y = x\nTensor x(const Tensor& a,\n         int b);\n"


@rule(("tensor/ops/x.h", OP, "tensor/ops/x.cpp", "", "tests/test_x.cpp", ""), ("tensor/ops/x.h", OP, "tensor/ops/x_cpu.cpp", "", "tests/test_x.cpp", ""),
      ("tensor/ops/x.h", OP, "tensor/ops/x.cpp", "", "tensor/ops/x_cpu.cpp", ""), ("tensor/ops/x_naive.cpp", ""),
      sound=[("tensor/ops/x.h", OP, "tensor/ops/x.cpp", "", "tensor/ops/x_cpu.cpp", "", "tests/test_y.cpp", '#include "tensor/ops/x.h"\n'),
             ("tensor/ops/exp.h", "#pragma once\n// maths y = e^x\ninline float exp(float x) { return f(x); }\n"),
             ("tensor/ops/blocks.h", "#pragma once\n// Sizes of the kernel's blocks.\n")])
def ops_have_stems(files):
    """A header of tensor/ops that states its maths and declares functions without defining them is an op: x.cpp (checks, dispatch, the naive
    oracle), x_cpu.cpp, a test."""
    declares = re.compile(r"^(?!inline|using|struct|template)\w[\w:<>, ]*\([^{};]*\);", re.M)
    tests = "".join(text for path, text in files.items() if path.startswith("tests/") and path.endswith(".cpp"))
    for path, text in files.items():
        if re.match(r"tensor/ops/\w+\.h$", path) and re.search(r"^// maths\b", "\n".join(text.splitlines()[:12]), re.M) and declares.search(code(text)):
            for end in (".cpp", "_cpu.cpp"):
                if path[:-2] + end not in files:
                    yield path, 1, f"an op without {path[:-2]}{end}"
            stem = path.split("/")[-1][:-2]
            if f"tests/test_{stem}.cpp" not in files and f'"{path}"' not in tests:
                yield path, 1, "an op that no test includes"
        if re.match(r"tensor/ops/\w+_naive\.cpp$", path):
            yield path, 1, "the naive oracle stands in the op's x.cpp"


@rule(("nn/a.h", "namespace nn {}\n"), sound=[("nn/a.h", "#pragma once\n"), ("tensor/a.h", "// No include guard: used once for each kernel.\n")])
def headers_are_guarded(files):
    for path, text in files.items():
        if path.endswith(".h") and "#pragma once" not in text and "No include guard" not in text:
            yield path, 1, "a header without #pragma once"


@rule(("utils/a.cpp", ""), ("notes.md", ""), sound=[("tensor/a.cpp", ""), (".gitignore", "")])
def top_level_is_known(files):
    for top in sorted({path.split("/")[0] for path in files}):
        if top not in TOP_LEVEL and not (top.startswith(".") and top in files):
            yield top, 1, "does not belong at the top level; there are " + " ".join(sorted(TOP_LEVEL))


@rule(("README.md", "see [this](nn/none.md)\n"), sound=[("README.md", "[a](nn/a.md#part), [b](https://example.org), [c](#part)\n", "nn/a.md", ""),
                                                       ("README.md", "Code:\n\n    [y](const Tensor& dy) { return y; }\n"),
                                                       ("nn/README.md", "[a](../nn/a.md), [floor](../nn)\n", "nn/a.md", "")])
def links_lead_somewhere(files):
    folders = {str(parent) for path in files for parent in Path(path).parents}
    for path, text in files.items():
        if path.endswith(".md"):
            prose = re.sub(r"^    [^\n]*", blank, text, flags=re.M)  # an indented line is code, with lambdas
            for line, link in find(r"\]\([^)\s#]+", prose, "{0}"):
                if "://" in link:
                    continue
                target = os.path.normpath(os.path.join(os.path.dirname(path), link[2:]))
                if target not in files and target not in folders:
                    yield path, line, f"link to {link[2:]}, which is not there"


@rule(("tools/a.py", "def f(:\n"), sound=[("tools/a.py", "def f(): pass\n")])
def python_parses(files):
    for path, text in files.items():
        if path.endswith(".py"):
            try:
                ast.parse(text)
            except SyntaxError as error:
                yield path, error.lineno or 1, f"Python: {error.msg}"


def on_disk(files, work):
    for path, text in files.items():
        target = Path(work, path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)


def faults_of_tool(command, files, paths):
    """Runs a command that prints FILE:LINE:... over copies of the files, a few files a call, one call a core."""
    with tempfile.TemporaryDirectory() as work:
        on_disk({path: files[path] for path in paths}, work)
        if Path(".clang-format").exists():
            Path(work, ".clang-format").write_text(Path(".clang-format").read_text())
        chunks = [paths[i:i + 20] for i in range(0, len(paths), 20)]
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            for done in pool.map(lambda chunk: subprocess.run([*command, *chunk], cwd=work, capture_output=True, text=True), chunks):
                found = re.findall(r"^([^\s:]+):(?: line )?(\d+):\s*(?:\d+:\s*)?(.*)$", done.stdout + done.stderr, re.M)
                for path, line, message in found:
                    yield path, int(line), message
                if done.returncode and not found:
                    yield command[0], 1, (done.stdout + done.stderr).strip()


@rule(("nn/a.cpp", "int  f( ) {return 1;}\n"), sound=[("nn/a.cpp", "int f() { return 1; }\n")])
def formatted(files):
    seen = set()
    for path, line, message in faults_of_tool(["clang-format", "--dry-run", "-Werror"], files, [path for path in files if is_cpp(path)]):
        if path not in seen:
            seen.add(path)
            yield path, line, "not formatted: make format"


@rule(("tools/a.sh", "#!/bin/bash\nif true; then\n"), ("tools/a.sh", "#!/bin/bash\nrm -rf \"$1/\"*\ncd $(pwd)\nfor f in $(ls); do echo; done\n"),
      sound=[("tools/a.sh", "#!/bin/bash\nset -e\necho \"$1\"\n")])
def shell_is_sound(files):
    paths = [path for path in files if path.endswith(".sh") or path == ".ci/run"]
    for path in paths:
        done = subprocess.run(["bash", "-n"], input=files[path], capture_output=True, text=True)
        if done.returncode:
            yield path, 1, "bash: " + done.stderr.strip()
    yield from faults_of_tool(["shellcheck", "-f", "gcc", "-S", "warning"], files, paths)


def tidy_key(path, files, flags):
    """What clang-tidy's verdict on a file depends on: its text, the project's headers it reaches, the flags, the checks."""
    reached, queue = {}, [path]
    while queue:
        name = queue.pop()
        if name in reached or name not in files:
            continue
        reached[name] = files[name]
        queue += re.findall(r'"([\w/]+\.(?:h|inl))"', files[name])
    version = subprocess.run(["clang-tidy", "--version"], capture_output=True, text=True).stdout
    return hashlib.sha256(repr((sorted(reached.items()), flags, version, Path(".clang-tidy").read_text())).encode()).hexdigest()


def tidy(build, files):
    """clang-tidy over the product's .cpp files; a file whose key was clean before is not read again. Tests are left to g++'s warnings and the
    sanitizers: GoogleTest's headers would double the time."""
    cache = Path(build, "lint")
    cache.mkdir(parents=True, exist_ok=True)
    root = str(Path.cwd())
    # g++'s omp.h, and all vector types: clang does not follow GCC's target pragmas.
    flags = ["-Wno-unknown-pragmas", "-Wno-unknown-warning-option", "-idirafter", subprocess.check_output(["g++", "-print-file-name=include"], text=True).strip()]
    if os.uname().machine == "x86_64":
        flags.append("-march=x86-64-v4")
    jobs = []
    for entry in json.loads(Path(build, "compile_commands.json").read_text()):
        path = os.path.relpath(entry["file"], root)
        if path in files and path.endswith(".cpp") and not path.startswith("tests/"):
            key = cache / tidy_key(path, files, (flags, re.sub(r"\s-[oc]\s+\S+", "", entry["command"]).replace(root, "")))
            if not key.exists():
                jobs.append((path, key))
    jobs = list(dict(jobs).items())

    def run(job):
        path, key = job
        command = ["clang-tidy", "--quiet", "-p", build, *[f"--extra-arg={flag}" for flag in flags], path]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode == 0:
            key.touch()
        return done

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for number, ((path, _), done) in enumerate(zip(jobs, pool.map(run, jobs)), 1):
            if sys.stderr.isatty():
                print(f"\rclang-tidy {number}/{len(jobs)}", end="\n" if number == len(jobs) else "", file=sys.stderr)
            if done.returncode:
                found = re.findall(r"^(\S+?):(\d+):\d+: (?:warning|error): (.*)$", done.stdout, re.M)
                yield from ((os.path.relpath(name, root), int(line), message) for name, line, message in found)
                if not found:
                    yield path, 1, "clang-tidy: " + (done.stdout + done.stderr).strip()


def tidy_catches_a_fault():
    """One planted use after move, and the same text without it."""
    text = "struct S { S(S&&) noexcept; int i; };\nvoid take(S);\nnamespace std { template <class T> T&& move(T& t); }\nint f(S s) { %sreturn s.i; }\n"
    verdicts = []
    for planted in ("take(std::move(s)); ", ""):
        with tempfile.NamedTemporaryFile("w", suffix=".cpp", dir=".") as file:
            file.write(text % planted)
            file.flush()
            verdicts.append(subprocess.run(["clang-tidy", "--quiet", file.name, "--"], capture_output=True).returncode != 0)
    return verdicts == [True, False]


def checkout():
    """Path -> text of the files that git tracks or would track."""
    names = subprocess.check_output(["git", "ls-files", "-co", "--exclude-standard", "-z"], text=True).split("\0")
    files = {}
    for name in names:
        if name and os.path.isfile(name):
            data = Path(name).read_bytes()
            files[name] = "" if b"\0" in data else data.decode("utf-8", "replace")
    return files


def pairs(flat):
    return dict(zip(flat[::2], flat[1::2]))


def self_test():
    wrong = 0
    count = 0
    for function, faults, sound in RULES:
        for flat, expected in [*((fault, True) for fault in faults), *((text, False) for text in sound)]:
            count += 1
            found = list(function(pairs(flat)))
            if bool(found) != expected:
                wrong += 1
                print(f"self-test: {function.__name__} {'misses' if expected else 'objects to'} {flat}: {found}", file=sys.stderr)
    count += 1
    if not tidy_catches_a_fault():
        wrong += 1
        print("self-test: clang-tidy misses a use after move, or objects to sound text", file=sys.stderr)
    print(f"lint self-test: {len(RULES)} rules and clang-tidy, {count} planted texts, {wrong} judged wrongly")
    return 1 if wrong else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--self-test", action="store_true")
    parser.add_argument("--tidy", metavar="BUILD_DIR")
    arguments = parser.parse_args()
    os.chdir(Path(__file__).resolve().parent.parent)
    if arguments.self_test:
        return self_test()
    files = checkout()
    found = {fault for function, _, _ in RULES for fault in function(files)}
    if arguments.tidy:
        found |= set(tidy(arguments.tidy, files))
    for path, line, message in sorted(found):
        print(f"{path}:{line}: {message}")
    print(f"lint: {len(files)} files, {len(found)} faults")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
