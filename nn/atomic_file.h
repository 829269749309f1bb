#pragma once
// A file that appears whole or not at all: written beside its target, fsynced, renamed, and the directory fsynced.

#include <cstdint>
#include <string>

namespace nn {

/// Without commit() (an error on the way, a full disk) the destructor removes the unfinished file, and the old target stays as it was.
/// Every fault is an Error of one line that names the target.
class AtomicFile {
 public:
  /// A symbolic link is followed: what it points to is replaced, the link stays.
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

/// Removes what writers that were killed left in the directory. A file that is being written is locked (flock), which the kernel ends with
/// its process, and stays.
void remove_unfinished(const std::string& directory);

}  // namespace nn
