// The specification of a dataset on the command line: KIND:LOCATION?key=value.

#include "nn/data/dataset.h"
#include "nn/data/readers.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  fuzz::expect_value_or_one_line([&] {
    const nn::DataSpec spec = nn::parse_data_spec(text);
    const nn::DataOptions options(spec, {"split", "limit", "seed", "size"});
    if (options.number("seed", 1, 0, int64_t{1} << 62) < 0 || options.limit(10) < 1) fuzz::violated("numbers within their bounds", text);
    options.choice("split", {"train", "test"});
  });
  fuzz::expect_value_or_one_line([&] {
    // /dev/null has no sub-folders, so that only synthetic datasets can be opened.
    const size_t colon = text.find(':');
    const bool is_synthetic = text.rfind("synthetic:", 0) == 0;
    const auto set = nn::open_dataset(
        is_synthetic || colon == std::string::npos ? text : text.substr(0, colon + 1) + "/dev/null/" + text.substr(colon + 1), {.size = 8});
    std::vector<uint8_t> pixels(8 * 8 * 3);
    set->read(set->size() - 1, pixels.data());
  });
  return 0;
}
