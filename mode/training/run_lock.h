#pragma once
// One run at a time in a directory.

#include <string>

namespace mode::tools {

/// Holds DIRECTORY/.lock (flock) while it lives; the kernel ends the lock with the process, however that ends. The file says which process
/// it is, and is removed at the end; one that a killed process left means nothing.
/// Where another process has it: an Error of one line that names the process.
class RunLock {
 public:
  explicit RunLock(const std::string& directory);
  ~RunLock();
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;

 private:
  std::string path_;
  int descriptor_ = -1;
};

}  // namespace mode::tools
