"""One user of the site under test: waits a moment, as if it read a page, and notes how long."""
import random
import time

from oct_turrets.base import BaseTransaction


class Transaction(BaseTransaction):
    def __init__(self, config=None, context=None):
        # oct-turrets up to 0.2.2 gives neither.
        self.config = config
        self.custom_timers = {}

    def setup(self):
        self.pause = random.uniform(0.1, 0.3)

    def run(self):
        time.sleep(self.pause)
        self.custom_timers["Reading"] = self.pause

    def tear_down(self):
        pass


if __name__ == "__main__":
    transaction = Transaction()
    transaction.setup()
    transaction.run()
    print(transaction.custom_timers)
