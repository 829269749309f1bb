#include "mode/training/run_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "tensor/check.h"

namespace mode {

namespace {

/// "process 1234", or "another process" while the owner has not written its id.
std::string owner_of(int descriptor) {
  char digits[24] = {};
  for (int wait = 0; wait < 20; ++wait) {
    const ssize_t count = ::pread(descriptor, digits, sizeof digits - 1, 0);
    const size_t length = count > 0 ? std::strspn(digits, "0123456789") : 0;
    if (length > 0 && digits[length] == '\n') return "process " + std::string(digits, length);
    ::usleep(5000);
  }
  return "another process";
}

bool same_file(int descriptor, const std::string& path) {
  struct stat opened, named;
  return ::fstat(descriptor, &opened) == 0 && ::stat(path.c_str(), &named) == 0 && opened.st_ino == named.st_ino &&
         opened.st_dev == named.st_dev;
}

}  // namespace

RunLock::RunLock(const std::string& directory) : path_(directory + "/.lock") {
  do {  // an ending run may remove its file between our open and our lock
    if (descriptor_ >= 0) ::close(descriptor_);
    descriptor_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666);
    CHECK(descriptor_ >= 0, "cannot write {}: {}; choose another --out", path_, std::strerror(errno));
    if (::flock(descriptor_, LOCK_EX | LOCK_NB) == 0) continue;
    const int error = errno;
    const std::string owner = error == EWOULDBLOCK ? owner_of(descriptor_) : "";
    ::close(descriptor_);
    CHECK(error == EWOULDBLOCK, "cannot lock {}: {}; choose another --out", path_, std::strerror(error));
    throw tensor::Error(fmt::format("{} is in use: {} trains there; wait until it ends, or choose another --out", directory, owner));
  } while (!same_file(descriptor_, path_));
  const std::string owner = std::to_string(::getpid()) + "\n";
  // The owner's id is information only: a full disk must not stop a run here.
  if (::ftruncate(descriptor_, 0) != 0 || ::pwrite(descriptor_, owner.data(), owner.size(), 0) < 0) errno = 0;
}

RunLock::~RunLock() {
  ::unlink(path_.c_str());  // while we hold the lock: the name is still ours
  ::close(descriptor_);
}

}  // namespace mode
