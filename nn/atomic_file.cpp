#include "nn/atomic_file.h"

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

#include "nn/safetensors.h"
#include "tensor/check.h"

namespace nn {
namespace {

[[noreturn]] void fail(const std::string& path, int error) {
  throw tensor::Error(fmt::format("cannot write {}: {}", path, std::strerror(error)));
}

const std::string unfinished = ".unfinished-";

std::string directory_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

/// False where another has the lock, or removed the file before this one had it. A file system without locks has no stale files removed.
bool lock(int descriptor) {
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) return errno != EWOULDBLOCK;
  struct stat status;
  return ::fstat(descriptor, &status) != 0 || status.st_nlink > 0;
}

}  // namespace

AtomicFile::AtomicFile(const std::string& path) : path_(path), target_(path) {
  if (path.empty()) throw tensor::Error("cannot write a file whose name is empty");
  struct stat status;
  if (::stat(path.c_str(), &status) == 0) {
    if (S_ISDIR(status.st_mode)) throw tensor::Error(fmt::format("cannot write {}: it is a directory, expected the name of a file", path));
    if (!S_ISREG(status.st_mode)) throw tensor::Error(fmt::format("cannot write {}: it is not a regular file", path));
    if (::access(path.c_str(), W_OK) != 0) fail(path, errno);  // rename() alone would replace a read-only file
    if (char* real = ::realpath(path.c_str(), nullptr)) {
      target_ = real;
      std::free(real);
    }
  }
  // The process and a count make the name unique; O_EXCL makes sure of it. A short name, since the target's may be as long as names can be.
  static std::atomic<int> count{0};
  do {  // a name may be left from a process of the same number that was killed
    temporary_ = fmt::format("{}/{}{}-{}", directory_of(target_), unfinished, ::getpid(), count++);
    descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor_ >= 0 && !lock(descriptor_)) {  // remove_unfinished() was faster
      ::close(descriptor_);
      descriptor_ = -1;
      errno = EEXIST;
    }
  } while (descriptor_ < 0 && errno == EEXIST);
  if (descriptor_ < 0) fail(path, errno);
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::write(const void* data, int64_t bytes) {
  const char* next = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t written = ::write(descriptor_, next, static_cast<size_t>(std::min<int64_t>(bytes, 1 << 30)));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) fail(path_, written < 0 ? errno : EIO);
    next += written;
    bytes -= written;
  }
}

void AtomicFile::commit() {
  if (::fsync(descriptor_) != 0) fail(path_, errno);
  // Locked until it has its name: remove_unfinished() of another process must not take it.
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) fail(path_, errno);
  temporary_.clear();
  ::close(std::exchange(descriptor_, -1));  // what could fail has been synced
  // The new name itself must survive a power cut; some file systems cannot sync a directory, and the file is whole without it.
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
    if (name.rfind(unfinished, 0) != 0) continue;
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
