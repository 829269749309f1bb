#pragma once
// Reading and writing whole files. Every failure is an Error of one line that names the file.

#include <cstdint>
#include <string>
#include <vector>

namespace nn {

/// A regular file opened for reading. A directory, pipe or device is an Error.
class InputFile {
 public:
  explicit InputFile(const std::string& path);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  int64_t size() const { return size_; }
  /// Reads `bytes` bytes from `offset` into `to`. A file that ends earlier is an Error.
  void read(int64_t offset, void* to, int64_t bytes) const;

 private:
  std::string path_;
  int descriptor_ = -1;
  int64_t size_ = 0;
};

/// The bytes of a regular file. More than `max_bytes` is an Error.
std::vector<uint8_t> read_file(const std::string& path, int64_t max_bytes);
/// The first `count` bytes, or all bytes of a shorter file.
std::vector<uint8_t> read_start(const std::string& path, int64_t count);
/// The lines of a text file of at most 64 MiB, without line ends (\n or \r\n) and without a byte order mark.
std::vector<std::string> read_lines(const std::string& path);
int64_t file_size(const std::string& path);
bool is_file(const std::string& path);
bool is_folder(const std::string& path);

/// A file that appears whole or not at all: written to a temporary file in the same directory, synced and renamed.
/// Without commit() (an exception, a full disk) the destructor removes the temporary file and the old target stays unchanged.
class AtomicFile {
 public:
  /// Follows a symbolic link: the target of the link is replaced, the link stays.
  explicit AtomicFile(const std::string& path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(const void* data, int64_t bytes);
  void commit();

 private:
  std::string path_, target_, temporary_;
  int descriptor_ = -1;
};

/// Writes `bytes` as an AtomicFile.
void write_file(const std::string& path, const std::string& bytes);

/// Removes the temporary files that killed processes left in the directory. Files of live writers stay: they hold a lock (flock), which
/// the kernel releases when the process ends.
void remove_unfinished(const std::string& directory);

}  // namespace nn
