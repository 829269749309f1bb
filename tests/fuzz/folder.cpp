// Labels and class names in the layouts of ImageNet. Input: a byte of switches, val_annotations.txt, a zero byte, the class name file.

#include "nn/data/dataset.h"
#include "tests/fuzz/fuzz.h"
#include "tests/image_files.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const TemporaryDirectory directory;
  static const bool written = [] {
    const files::Bytes image = files::rgb_png(3, 2, files::random_bytes(18, 1));
    for (const char* name : {"train/n1/images/a.png", "train/n2/images/b.png", "val/images/v1.png", "val/images/v2.png"}) {
      std::filesystem::create_directories(std::filesystem::path(directory / name).parent_path());
      directory.write(name, image);
    }
    return true;
  }();
  fuzz::Input input(data, size);
  const uint8_t switches = input.byte();
  const char* const names[] = {"class_names.txt", "LOC_synset_mapping.txt", "words.txt"};
  for (const char* name : names) std::filesystem::remove(directory / name);
  if (written) write_bytes(directory / "val/val_annotations.txt", input.until('\0'));
  write_bytes(directory / names[(switches >> 1) % 3], input.rest());
  fuzz::expect_value_or_one_line([&] {
    const auto set = nn::open_dataset("folder:" + directory.path() + ((switches & 1) != 0 ? "?split=train" : "?split=val"), {4});
    for (int64_t index = 0; index < set->size(); ++index)
      if (set->label(index) < 0 || set->label(index) >= set->classes()) fuzz::violated("a label of the set's classes", "");
    for (const std::string& name : set->class_names())
      if (nn::escaped(name) != name) fuzz::violated("a name of one line", name);
  });
  return 0;
}
