// Checkpoints of networks: load_model on a complete file of resnet8 after the changes in the input. A line is one of
//   meta KEY VALUE     drop TENSOR     add TENSOR     name TENSOR NEW     type TENSOR DTYPE     shape TENSOR N N N ...
// Offsets are recomputed. Every byte of the data is 0x3c, a small positive number in each dtype.

#include <sstream>

#include "nn/checkpoint.h"
#include "nn/safetensors_header.h"
#include "tests/fuzz/fuzz.h"

namespace {

nn::Header whole_header() {
  nn::Header header;
  for (const auto& [name, tensor] : nn::export_weights(*nn::make_resnet("resnet8", {.classes = 2}))) {
    nn::HeaderEntry entry{.name = name, .dtype = tensor.dtype() == tensor::Dtype::i64 ? "I64" : "F32", .shape = {}, .begin = 0, .end = 0};
    for (int axis = 0; axis < tensor.rank(); ++axis) entry.shape.push_back(static_cast<uint64_t>(tensor.dim(axis)));
    header.entries.push_back(entry);
  }
  return header;
}

void change(const std::string& line, nn::Header& header) {
  std::istringstream words(line);
  std::string verb, name, value;
  words >> verb >> name;
  std::getline(words >> std::ws, value);
  if (verb == "meta") header.metadata[name] = value;
  if (verb == "add") header.entries.push_back({.name = name, .dtype = "F32", .shape = {}, .begin = 0, .end = 0});
  for (size_t at = 0; at < header.entries.size(); ++at) {
    nn::HeaderEntry& entry = header.entries[at];
    if (entry.name != name) continue;
    if (verb == "drop") {
      header.entries.erase(header.entries.begin() + static_cast<long>(at));
    } else if (verb == "name") {
      entry.name = value;
    } else if (verb == "type") {
      entry.dtype = nn::escaped(value);
    } else if (verb == "shape") {
      entry.shape.clear();
      std::istringstream numbers(value);
      for (uint64_t extent; numbers >> extent;) entry.shape.push_back(extent);
    }
    return;
  }
}

uint64_t bytes_of(const nn::HeaderEntry& entry) {
  uint64_t bytes = entry.dtype.size() < 2 ? 1 : entry.dtype.back() == '4' ? 8 : entry.dtype.back() == '2' ? 4 : entry.dtype == "U8" ? 1 : 2;
  for (const uint64_t extent : entry.shape) bytes *= extent;
  return bytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static fuzz::MemoryFile file;
  static const nn::Header whole = whole_header();
  nn::Header header = whole;
  fuzz::Input input(data, size);
  while (!input.ended()) change(input.until('\n'), header);
  uint64_t end = 0;
  for (nn::HeaderEntry& entry : header.entries) {
    entry.begin = end;
    entry.end = end += bytes_of(entry);
  }
  fuzz::expect_value_or_one_line([&] {
    const std::string text = nn::format_header(header);
    const uint64_t header_bytes = text.size();
    std::string bytes(reinterpret_cast<const char*>(&header_bytes), 8);
    file.set(bytes + text + std::string(std::min<uint64_t>(end, 1 << 21), 0x3c));
    nn::load_model(file.path());
  });
  return 0;
}
