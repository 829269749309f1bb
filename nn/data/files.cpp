#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "nn/data/readers.h"
#include "nn/text.h"
#include "tensor/check.h"

namespace nn {
namespace {

[[noreturn]] void cannot_read(const std::string& path, const std::string& cause) {
  throw tensor::Error(fmt::format("cannot read {}: {}", path, cause));
}

class File {
 public:
  explicit File(const std::string& path) : path_(path) {
    descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a pipe must not hang
    if (descriptor_ < 0) cannot_read(path, std::strerror(errno));
    struct stat status;
    const bool known = ::fstat(descriptor_, &status) == 0;
    if (!known || !S_ISREG(status.st_mode)) {
      ::close(descriptor_);
      cannot_read(path, known && S_ISDIR(status.st_mode) ? "it is a folder" : "it is not a regular file");
    }
    size_ = static_cast<int64_t>(status.st_size);
  }
  ~File() { ::close(descriptor_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  int64_t size() const { return size_; }
  std::vector<uint8_t> read(int64_t count) const {
    std::vector<uint8_t> bytes(static_cast<size_t>(count));
    size_t done = 0;
    while (done < bytes.size()) {
      const ssize_t got = ::read(descriptor_, bytes.data() + done, bytes.size() - done);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) cannot_read(path_, std::strerror(errno));
      if (got == 0) cannot_read(path_, "it became shorter while it was read");
      done += static_cast<size_t>(got);
    }
    return bytes;
  }

 private:
  std::string path_;
  int descriptor_ = -1;
  int64_t size_ = 0;
};

}  // namespace

std::vector<uint8_t> read_file(const std::string& path, int64_t most) {
  const File file(path);
  if (file.size() > most) cannot_read(path, fmt::format("it has {} bytes, expected at most {}", file.size(), most));
  return file.read(file.size());
}

std::vector<uint8_t> read_start(const std::string& path, int64_t count) {
  const File file(path);
  return file.read(std::min(count, file.size()));
}

std::vector<std::string> read_lines(const std::string& path) {
  const std::vector<uint8_t> bytes = read_file(path, int64_t{1} << 26);
  std::vector<std::string> lines;
  const bool marked = bytes.size() >= 3 && bytes[0] == 0xef && bytes[1] == 0xbb && bytes[2] == 0xbf;
  for (auto begin = bytes.begin() + (marked ? 3 : 0); begin != bytes.end();) {
    const auto end = std::find(begin, bytes.end(), '\n');
    lines.emplace_back(begin, end);
    if (!lines.back().empty() && lines.back().back() == '\r') lines.back().pop_back();
    begin = end == bytes.end() ? end : end + 1;
  }
  return lines;
}

int64_t file_size(const std::string& path) { return File(path).size(); }

bool is_file(const std::string& path) {
  struct stat status;
  return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

bool is_folder(const std::string& path) {
  struct stat status;
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

}  // namespace nn
