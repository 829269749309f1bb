// mode-bench: the speed of the kernels, in percent of the peak that the machine reached in the same seconds.

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <charconv>
#include <cstdio>
#include <regex>

#include "nn/files.h"
#include "nn/safetensors.h"
#include "tensor/isa.h"
#include "tensor/parallel.h"
#include "tools/bench/measure.h"

namespace {

constexpr const char* usage =
    "usage: mode-bench [--filter REGEX] [--json FILE] [--threads N] [--min-time SECONDS] [--repetitions N] [--list]\n"
    "\n"
    "Prints one line per row: time of one call (median of the repetitions), GFLOP/s, GB/s, percent of the peak, percent of the roofline,\n"
    "images/s, peak tensor memory. FLOP and bytes are computed from the shapes. The peak is f32 multiply-adds in registers (fma) or a\n"
    "memory copy (copy), measured just before and just after the row; the larger one counts. \"void\": the peak moved by more than 10 %\n"
    "during the row, or other programs took more than a fifth of the processor.\n"
    "\n"
    "MODE_ISA=portable|avx2|avx512 lowers the instruction set.\n";

struct Options {
  std::string filter = ".", json;
  int threads = 0;  // 0: all of the machine
  bool list = false, help = false;
  bench::Settings settings;
};

template <class Number>
Number parse_number(const std::string& name, const std::string& text, Number low, Number high) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  CHECK(error == std::errc() && end == text.data() + text.size() && value >= low && value <= high, "{} {}: expected a number from {} to {}",
        name, text, low, high);
  return value;
}

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    std::string name = argv[i], value;
    if (name == "--list" || name == "--help") {
      (name == "--list" ? options.list : options.help) = true;
      continue;
    }
    const size_t equals = name.find('=');
    if (equals != std::string::npos) {
      value = name.substr(equals + 1), name.resize(equals);
    } else {
      CHECK(i + 1 < argc, "{}: unknown option, or its value is missing; see --help", name);
      value = argv[++i];
    }
    if (name == "--filter") {
      options.filter = value;
    } else if (name == "--json") {
      options.json = value;
    } else if (name == "--threads") {
      options.threads = parse_number(name, value, 1, 1024);
    } else if (name == "--min-time") {
      options.settings.min_seconds = parse_number(name, value, 0.001, 1000.0);
    } else if (name == "--repetitions") {
      options.settings.repetitions = parse_number(name, value, 1, 1000);
    } else {
      CHECK(false, "{}: unknown option; see --help", name);
    }
  }
  return options;
}

std::vector<bench::Row> selected_rows(const std::string& filter) {
  std::regex expression;
  try {
    expression = std::regex(filter);
  } catch (const std::regex_error&) {
    CHECK(false, "--filter {}: not a regular expression; escape its special characters", filter);
  }
  std::vector<bench::Row> rows;
  for (const auto group :
       {bench::conv2d_rows, bench::matmul_rows, bench::memory_rows, bench::knn_rows, bench::training_rows, bench::alpa_rows})
    for (bench::Row& row : group())
      if (std::regex_search(row.name, expression)) rows.push_back(std::move(row));
  CHECK(!rows.empty(), "--filter {}: no row matches; --list prints the rows", filter);
  return rows;
}

void run(const Options& options, const std::vector<bench::Row>& rows) {
  if (options.threads > 0) tensor::set_num_threads(options.threads);
  int argc = 1;
  char program[] = "mode-bench", *argv[] = {program, nullptr};
  benchmark::Initialize(&argc, argv);

  const double one_thread = bench::measure_fma_one_thread();
  bench::Peak peak = bench::measure_peak();
  fmt::print("{}, {} threads; FMA peak {:.1f} GFLOP/s on one thread, {:.1f} on all; copy {:.1f} GB/s\n\n{}\n", tensor::name(tensor::isa()),
             tensor::num_threads(), one_thread * 1e-9, peak.fma * 1e-9, peak.copy * 1e-9, bench::table_header());
  std::vector<bench::Measurement> measurements;
  for (const bench::Row& row : rows) {
    measurements.push_back(bench::measure(row, options.settings, peak));
    peak = measurements.back().after;
    fmt::print("{}\n", bench::table_line(measurements.back()));
    std::fflush(stdout);
  }
  if (!options.json.empty()) nn::write_file(options.json, bench::to_json(measurements, options.settings, one_thread));
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<bench::Row> rows;
  Options options;
  try {
    options = parse(argc, argv);
    if (!options.help) rows = selected_rows(options.filter);
  } catch (const std::exception& error) {
    fmt::print(stderr, "mode-bench: {}\n", error.what());
    return 2;
  }
  try {
    if (options.help) {
      fmt::print("{}", usage);
    } else if (options.list) {
      for (const bench::Row& row : rows) fmt::print("{}\n", row.name);
    } else {
      run(options, rows);
    }
  } catch (const std::exception& error) {
    fmt::print(stderr, "mode-bench: {}\n", error.what());
    return 1;
  }
  return 0;
}
