// CIFAR-10 and CIFAR-100 binary files. Input: a byte of switches, the class name file up to a zero byte, the records of the test file.

#include "nn/data/dataset.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const TemporaryDirectory directory;
  fuzz::Input input(data, size);
  const uint8_t switches = input.byte();
  const bool is_cifar100 = (switches & 1) != 0, has_names = (switches & 2) != 0, is_whole = (switches & 4) != 0;
  const std::string names = directory / (is_cifar100 ? "fine_label_names.txt" : "batches.meta.txt");
  const std::string text = input.until('\0');
  if (has_names)
    write_bytes(names, text);
  else
    std::filesystem::remove(names);
  std::string records = input.rest();
  const size_t record = is_cifar100 ? 3074 : 3073;
  if (is_whole) records.resize((records.size() + record - 1) / record * record);  // so that a short input reaches what a whole file does
  write_bytes(directory / (is_cifar100 ? "test.bin" : "test_batch.bin"), records);
  fuzz::expect_value_or_one_line([&] {
    const int64_t edge = (switches & 8) != 0 ? 32 : 7;
    const auto set = nn::open_dataset(
        fmt::format("{}:{}?split=test{}", is_cifar100 ? "cifar100" : "cifar10", directory.path(), (switches & 16) != 0 ? "&limit=1" : ""),
        {.size = edge});
    std::vector<uint8_t> pixels(static_cast<size_t>(edge * edge * 3));
    for (int64_t index = 0; index < set->size(); ++index) {
      if (set->label(index) < 0 || set->label(index) >= set->classes()) fuzz::violated("a label of the set's classes", "");
      set->read(index, pixels.data());
    }
  });
  return 0;
}
