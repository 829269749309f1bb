#pragma once
// One run at a time in a directory.

#include <string>

namespace mode {

/// Holds a lock (flock) on DIRECTORY/.lock, a file with the process id, and removes the file at the end. The kernel releases the lock with
/// the process, so the file of a killed process has no effect. A directory locked by another process is an Error that names the process.
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

}  // namespace mode
