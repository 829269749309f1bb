// The safetensors format.

#include "nn/safetensors.h"

#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static fuzz::MemoryFile file;
  file.set(std::string(reinterpret_cast<const char*>(data), size));
  fuzz::expect_value_or_one_line([] {
    const nn::TensorFile read = nn::read_safetensors(file.path());
    int64_t bytes = 0;
    for (const auto& [name, tensor] : read.tensors) bytes += tensor.bytes();
    if (bytes > (1 << 20)) fuzz::violated("memory bounded by the size of the file", fmt::format("{} bytes", bytes));
    nn::content_hash(read);
  });
  return 0;
}
