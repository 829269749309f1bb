#include "tools/bench/measure.h"

#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <cmath>

#include "tensor/isa.h"
#include "tensor/parallel.h"
#include "tensor/philox.h"
#include "tensor/storage.h"

namespace bench {
namespace {

/// Keeps the seconds per call of every repetition and prints nothing.
class Collector : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs)
      if (run.run_type == Run::RT_Iteration) seconds.push_back(run.real_accumulated_time / static_cast<double>(run.iterations));
  }
  std::vector<double> seconds;
};

bool moved(double before, double after) { return std::fabs(before - after) > 0.1 * std::max(before, after); }

}  // namespace

tensor::Tensor random_tensor(const tensor::Shape& shape, uint64_t seed) {
  tensor::Tensor result(shape);
  float* values = result.data<float>();
  for (int64_t i = 0; i < result.numel(); i += 4) {
    const auto words = tensor::philox(seed, tensor::Stream::test, static_cast<uint64_t>(i));
    for (int64_t lane = 0; lane < std::min<int64_t>(4, result.numel() - i); ++lane) values[i + lane] = 2 * tensor::uniform(words[lane]) - 1;
  }
  return result;
}

bool Measurement::is_void() const {
  if (std::min(before.fma_sustained, after.fma_sustained) < 0.8 * fma()) return true;
  return row.memory_bound ? moved(before.copy, after.copy) : moved(before.fma, after.fma);
}

double Measurement::percent_of_peak() const {
  return 100 * (row.memory_bound ? row.bytes / seconds / copy() : row.flops / seconds / fma());
}

double Measurement::percent_of_roofline() const { return 100 * std::max(row.flops / fma(), row.bytes / copy()) / seconds; }

Measurement measure(const Row& row, const Settings& settings, const Peak& before) {
  Measurement result{.row = row, .before = before};
  Collector collector;
  {
    const std::function<void()> call = row.prepare();
    call();  // warms the caches and the storage cache
    tensor::reset_peak_bytes();
    call();
    result.peak_bytes = tensor::storage_statistics().peak_bytes;
    benchmark::ClearRegisteredBenchmarks();
    benchmark::RegisterBenchmark(row.name.c_str(),
                                 [&call](benchmark::State& state) {
                                   for ([[maybe_unused]] auto _ : state) call();
                                 })
        ->UseRealTime()
        ->MinTime(settings.min_seconds)
        ->Repetitions(settings.repetitions);
    benchmark::RunSpecifiedBenchmarks(&collector, ".");
  }
  tensor::release_cached_storage();
  CHECK(!collector.seconds.empty(), "{}: nothing was measured", row.name);
  std::sort(collector.seconds.begin(), collector.seconds.end());
  result.best_seconds = collector.seconds.front();
  result.seconds = collector.seconds[collector.seconds.size() / 2];
  result.after = measure_peak();
  return result;
}

std::string table_header() {
  return fmt::format("{:<44} {:>10} {:>9} {:>8} {:>8} {:>10} {:>9} {:>9}", "row", "ms", "GFLOP/s", "GB/s", "% peak", "% roofline", "img/s",
                     "peak MB");
}

std::string table_line(const Measurement& m) {
  const auto number = [](double value, int digits) { return value > 0 ? fmt::format("{:.{}f}", value, digits) : std::string("-"); };
  const std::string percent = m.is_void() ? "void" : fmt::format("{:.0f}{}", m.percent_of_peak(), m.row.memory_bound ? " copy" : " fma");
  return fmt::format("{:<44} {:>10.3f} {:>9} {:>8} {:>8} {:>10} {:>9} {:>9}", m.row.name, m.seconds * 1e3,
                     number(m.row.flops / m.seconds * 1e-9, 1), number(m.row.bytes / m.seconds * 1e-9, 1), percent,
                     m.is_void() ? "void" : fmt::format("{:.0f}", m.percent_of_roofline()), number(m.row.images / m.seconds, 1),
                     m.row.reports_memory ? fmt::format("{:.0f}", static_cast<double>(m.peak_bytes) / 1e6) : "-");
}

std::string to_json(const std::vector<Measurement>& measurements, const Settings& settings, double one_thread) {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  std::string text = fmt::format(
      "{{\n  \"isa\": \"{}\", \"threads\": {}, \"min_seconds\": {}, \"repetitions\": {}, \"fma_peak_one_thread\": {:.6g},\n"
      "  \"max_resident_bytes\": {},\n  \"rows\": [",
      tensor::name(tensor::isa()), tensor::num_threads(), settings.min_seconds, settings.repetitions, one_thread,
      usage.ru_maxrss * int64_t{1024});
  const char* separator = "\n";
  for (const Measurement& m : measurements) {
    text += fmt::format(
        "{}    {{\"name\": \"{}\", \"seconds\": {:.6g}, \"best_seconds\": {:.6g}, \"flops\": {:.6g}, \"bytes\": {:.6g},"
        " \"images\": {}, \"memory_bound\": {}, \"peak_bytes\": {},",
        separator, m.row.name, m.seconds, m.best_seconds, m.row.flops, m.row.bytes, m.row.images, m.row.memory_bound, m.peak_bytes);
    for (const auto& [when, peak] : {std::pair{"before", m.before}, std::pair{"after", m.after}})
      text += fmt::format(" \"{}\": {{\"fma\": {:.6g}, \"fma_sustained\": {:.6g}, \"copy\": {:.6g}}},", when, peak.fma, peak.fma_sustained,
                          peak.copy);
    text += fmt::format(" \"percent_of_peak\": {:.4g}, \"percent_of_roofline\": {:.4g}, \"void\": {}}}", m.percent_of_peak(),
                        m.percent_of_roofline(), m.is_void());
    separator = ",\n";
  }
  return text + "\n  ]\n}\n";
}

}  // namespace bench
