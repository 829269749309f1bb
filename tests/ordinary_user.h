#pragma once
// Permissions for tests that may run as root.

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "tests/temporary.h"

// Root reads everything; so as root the test becomes another user for the while.
class OrdinaryUser {
 public:
  explicit OrdinaryUser(const TemporaryDirectory& folder) : was_root_(geteuid() == 0) {
    if (!was_root_) return;
    EXPECT_EQ(chown(folder.path().c_str(), nobody, nobody), 0);
    for (const auto& item : std::filesystem::recursive_directory_iterator(folder.path()))
      EXPECT_EQ(chown(item.path().c_str(), nobody, nobody), 0);
    EXPECT_EQ(seteuid(nobody), 0);
  }
  ~OrdinaryUser() {
    if (was_root_) {
      EXPECT_EQ(seteuid(0), 0);
    }
  }

 private:
  static constexpr unsigned nobody = 65534;
  bool was_root_;
};
