// scores.csv of a run, which mode study reads when it continues. Accepted scores survive a round trip.

#include "mode/evaluation/study.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  fuzz::expect_value_or_one_line([&] {
    const std::string written = mode::scores_to_csv(mode::scores_from_csv(text, "scores.csv"));
    if (mode::scores_to_csv(mode::scores_from_csv(written, "scores.csv")) != written)
      fuzz::violated("scores that survive writing", written);
  });
  return 0;
}
