// Lists of images. Input: a byte of switches, then the list. Its folder has a.png, "b c.png" and broken.jpg.

#include "nn/data/dataset.h"
#include "tests/fuzz/fuzz.h"
#include "tests/image_files.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const TemporaryDirectory directory;
  static const bool written = [] {
    directory.write("a.png", files::rgb_png(3, 2, files::random_bytes(18, 1)));
    directory.write("b c.png", files::rgb_png(1, 1, files::random_bytes(3, 2)));
    directory.write("broken.jpg", std::string("\xff\xd8\xff", 3));
    return true;
  }();
  fuzz::Input input(data, size);
  const uint8_t switches = input.byte();
  const std::string list = directory / "list.txt";
  if (written) write_bytes(list, input.rest());
  fuzz::expect_value_or_one_line([&] {
    const auto set = nn::open_dataset("list:" + list +
                                          ((switches & 1) != 0   ? "?limit=2"
                                           : (switches & 2) != 0 ? "?limit=2&seed=3"
                                                                 : ""),
                                      {4});
    uint8_t pixels[48];
    for (int64_t index = 0; index < set->size(); ++index) {
      if (set->label(index) < -1 || set->label(index) >= set->classes()) fuzz::violated("a label of the set's classes, or -1", "");
      set->read(index, pixels);
    }
  });
  return 0;
}
