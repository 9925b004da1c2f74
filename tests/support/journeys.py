"""How far a notice has come, kept in memory for tests of senders."""


class MemoryJourney:
    def __init__(self, *behind: str):
        self.handed: list[str] = list(behind)
        self.remarks: list[str] = []

    def behind(self, target):
        return target in self.handed

    async def handing_over(self, target=""):
        self.handed.append(target)

    async def not_taken(self, target=""):
        if target in self.handed:
            self.handed.remove(target)

    def remark(self, text):
        self.remarks.append(text)
