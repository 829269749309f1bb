#pragma once
// What the targets share: the contract of every reader, inputs taken apart, inputs as files.

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "nn/text.h"
#include "tensor/check.h"
#include "tests/temporary.h"

/// One input; always returns 0. A crash, a sanitizer's report, a violated contract, too much time or memory is a finding.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace fuzz {

[[noreturn]] inline void violated(const std::string& rule, const std::string& what) {
  std::fprintf(stderr, "contract: %s: %s\n", rule.c_str(), nn::escaped(what, 2000).c_str());
  std::abort();
}

/// The contract: `read` returns, or throws an Error whose message is one short line of UTF-8 without control characters. Any other
/// exception ends the process.
template <class Read>
void expect_value_or_one_line(const Read& read) {
  try {
    read();
  } catch (const tensor::Error& error) {
    const std::string message = error.what();
    if (message.empty() || message.size() > 4000) violated("a message of 1 to 4000 bytes", message);
    if (nn::escaped(message) != message) violated("one line of UTF-8", message);
  }
}

/// Takes an input apart from its begin; at its end everything is 0 or empty.
class Input {
 public:
  Input(const uint8_t* data, size_t size) : bytes_(reinterpret_cast<const char*>(data), size) {}
  uint8_t byte() { return at_ < bytes_.size() ? static_cast<uint8_t>(bytes_[at_++]) : uint8_t{0}; }
  /// Up to the next `end`, which is taken too.
  std::string until(char end) {
    const size_t stop = std::min(bytes_.find(end, at_), bytes_.size());
    const std::string text = bytes_.substr(at_, stop - at_);
    at_ = std::min(stop + 1, bytes_.size());
    return text;
  }
  std::string rest() { return until_size(bytes_.size()); }
  bool ended() const { return at_ >= bytes_.size(); }

 private:
  std::string until_size(size_t size) {
    const std::string text = bytes_.substr(at_, size - at_);
    at_ = size;
    return text;
  }
  std::string bytes_;
  size_t at_ = 0;
};

/// A regular file in memory, for readers that take a path.
class MemoryFile {
 public:
  MemoryFile() : descriptor_(::memfd_create("input", MFD_CLOEXEC)) {
    if (descriptor_ < 0) throw std::runtime_error("memfd_create");
  }
  ~MemoryFile() { ::close(descriptor_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  std::string path() const { return fmt::format("/proc/self/fd/{}", descriptor_); }
  void set(const std::string& bytes) {
    if (::ftruncate(descriptor_, 0) != 0 || ::pwrite(descriptor_, bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
      throw std::runtime_error("a file in memory");
  }

 private:
  int descriptor_;
};

}  // namespace fuzz
