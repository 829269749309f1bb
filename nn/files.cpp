#include "nn/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "nn/text.h"
#include "tensor/check.h"

namespace nn {
namespace {

[[noreturn]] void cannot_read(const std::string& path, const std::string& cause) {
  throw tensor::Error(fmt::format("cannot read {}: {}", path, cause));
}

[[noreturn]] void cannot_write(const std::string& path, int error) {
  throw tensor::Error(fmt::format("cannot write {}: {}", path, std::strerror(error)));
}

const std::string temporary_prefix = ".unfinished-";

std::string directory_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

/// False if another process holds the lock, or removed the file before this one locked it. True on a file system without locks.
bool lock(int descriptor) {
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) return errno != EWOULDBLOCK;
  struct stat status;
  return ::fstat(descriptor, &status) != 0 || status.st_nlink > 0;
}

}  // namespace

InputFile::InputFile(const std::string& path) : path_(path) {
  descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // O_NONBLOCK: opening a pipe must not hang
  if (descriptor_ < 0) cannot_read(path, std::strerror(errno));
  struct stat status;
  const bool known = ::fstat(descriptor_, &status) == 0;
  if (!known || !S_ISREG(status.st_mode)) {
    ::close(descriptor_);
    cannot_read(path, known && S_ISDIR(status.st_mode) ? "it is a directory, expected a file" : "it is not a regular file");
  }
  size_ = status.st_size;
}

InputFile::~InputFile() { ::close(descriptor_); }

void InputFile::read(int64_t offset, void* to, int64_t bytes) const {
  char* next = static_cast<char*>(to);
  while (bytes > 0) {
    const ssize_t got = ::pread(descriptor_, next, std::min<size_t>(bytes, 1 << 30), offset);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) cannot_read(path_, std::strerror(errno));
    if (got == 0) cannot_read(path_, "another process truncated it during the read; try again");
    next += got;
    offset += got;
    bytes -= got;
  }
}

std::vector<uint8_t> read_file(const std::string& path, int64_t max_bytes) {
  const InputFile file(path);
  if (file.size() > max_bytes) cannot_read(path, fmt::format("it has {} bytes, expected at most {}", file.size(), max_bytes));
  std::vector<uint8_t> bytes(file.size());
  file.read(0, bytes.data(), file.size());
  return bytes;
}

std::vector<uint8_t> read_start(const std::string& path, int64_t count) {
  const InputFile file(path);
  std::vector<uint8_t> bytes(std::min(count, file.size()));
  file.read(0, bytes.data(), static_cast<int64_t>(bytes.size()));
  return bytes;
}

std::vector<std::string> read_lines(const std::string& path) {
  const std::vector<uint8_t> bytes = read_file(path, int64_t{1} << 26);
  std::vector<std::string> lines;
  const bool has_mark = bytes.size() >= 3 && bytes[0] == 0xef && bytes[1] == 0xbb && bytes[2] == 0xbf;
  for (auto begin = bytes.begin() + (has_mark ? 3 : 0); begin != bytes.end();) {
    const auto end = std::find(begin, bytes.end(), '\n');
    lines.emplace_back(begin, end);
    if (!lines.back().empty() && lines.back().back() == '\r') lines.back().pop_back();
    begin = end == bytes.end() ? end : end + 1;
  }
  return lines;
}

int64_t file_size(const std::string& path) { return InputFile(path).size(); }

bool is_file(const std::string& path) {
  struct stat status;
  return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

bool is_folder(const std::string& path) {
  struct stat status;
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

AtomicFile::AtomicFile(const std::string& path) : path_(path), target_(path) {
  if (path.empty()) throw tensor::Error("cannot write a file: its name is empty; give a path");
  struct stat status;
  if (::stat(path.c_str(), &status) == 0) {
    if (S_ISDIR(status.st_mode)) throw tensor::Error(fmt::format("cannot write {}: it is a directory, expected the path of a file", path));
    if (!S_ISREG(status.st_mode)) throw tensor::Error(fmt::format("cannot write {}: it is not a regular file; choose another path", path));
    if (::access(path.c_str(), W_OK) != 0) cannot_write(path, errno);  // rename() would replace even a read-only file
    if (char* real = ::realpath(path.c_str(), nullptr)) {
      target_ = real;
      std::free(real);
    }
  }
  // Process number and counter make the name unique. The name is short because the target's name may have the maximum length.
  static std::atomic<int> count{0};
  do {  // a killed process with the same number may have left this name
    temporary_ = fmt::format("{}/{}{}-{}", directory_of(target_), temporary_prefix, ::getpid(), count++);
    descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor_ >= 0 && !lock(descriptor_)) {  // remove_unfinished() of another process deleted it
      ::close(descriptor_);
      descriptor_ = -1;
      errno = EEXIST;
    }
  } while (descriptor_ < 0 && errno == EEXIST);
  if (descriptor_ < 0) cannot_write(path, errno);
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::write(const void* data, int64_t bytes) {
  const char* next = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t written = ::write(descriptor_, next, std::min<size_t>(bytes, 1 << 30));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) cannot_write(path_, written < 0 ? errno : EIO);
    next += written;
    bytes -= written;
  }
}

void AtomicFile::commit() {
  if (::fsync(descriptor_) != 0) cannot_write(path_, errno);
  // The lock is held until after the rename, so that remove_unfinished() of another process cannot delete the file.
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) cannot_write(path_, errno);
  temporary_.clear();
  ::close(std::exchange(descriptor_, -1));  // errors of close() cannot matter after fsync()
  // Syncing the directory makes the new name survive a power cut. Some file systems cannot do it; the file is whole without it.
  const int directory = ::open(directory_of(target_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory >= 0) {
    ::fsync(directory);
    ::close(directory);
  }
}

void remove_unfinished(const std::string& directory) {
  DIR* const listing = ::opendir(directory.c_str());
  if (listing == nullptr) return;
  while (const dirent* entry = ::readdir(listing)) {
    const std::string name = entry->d_name;
    if (name.rfind(temporary_prefix, 0) != 0) continue;
    const std::string path = directory + "/" + name;
    const int descriptor = ::open(path.c_str(), O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (descriptor < 0) continue;
    if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0) ::unlink(path.c_str());
    ::close(descriptor);
  }
  ::closedir(listing);
}

void write_file(const std::string& path, const std::string& bytes) {
  AtomicFile file(path);
  file.write(bytes.data(), static_cast<int64_t>(bytes.size()));
  file.commit();
}

}  // namespace nn
