// An earlier results.json, which a new report reads to know the files that it replaces. Nothing else may go.

#include "mode/evaluation/results.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const TemporaryDirectory directory;
  const std::string report = directory / "report";
  std::filesystem::create_directories(report + "/scores/below");
  const std::vector<std::string> kept = {directory / "kept.csv", report + "/kept.csv", report + "/scores/below/kept.csv"};
  for (const std::string& path : kept)
    if (!std::filesystem::exists(path)) write_bytes(path, "");
  write_bytes(report + "/results.json", std::string(reinterpret_cast<const char*>(data), size));
  fuzz::expect_value_or_one_line([&] { mode::write_report(report, {}, {}, {}, {}); });
  for (const std::string& path : kept)
    if (!std::filesystem::exists(path)) fuzz::violated("a report that removes its own files alone", path);
  return 0;
}
