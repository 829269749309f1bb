// MAT-files of SVHN. Input: a byte of switches, then the file, or the part after its header if a switch is set.

#include "nn/data/dataset.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const TemporaryDirectory directory;
  fuzz::Input input(data, size);
  const uint8_t switches = input.byte();
  std::string file = input.rest();
  if ((switches & 1) != 0) file = std::string(124, ' ') + std::string("\x00\x01IM", 4) + file;
  const std::string path = directory / "x.mat";
  write_bytes(path, file);
  fuzz::expect_value_or_one_line([&] {
    const int64_t edge = (switches & 2) != 0 ? 32 : 7;
    const auto set = nn::open_dataset("svhn:" + path +
                                          ((switches & 4) != 0   ? "?limit=1"
                                           : (switches & 8) != 0 ? "?limit=1&seed=2"
                                                                 : ""),
                                      {.size = edge});
    std::vector<uint8_t> pixels(static_cast<size_t>(edge * edge * 3));
    for (int64_t index = 0; index < set->size(); ++index) {
      if (set->label(index) < 0 || set->label(index) >= set->classes()) fuzz::violated("a label of the set's classes", "");
      set->read(index, pixels.data());
    }
  });
  return 0;
}
